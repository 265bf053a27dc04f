import type { BinaryNode } from '@whiskeysockets/baileys';

/** Address of WhatsApp itself in stanzas: its domain without a user. */
export const serverJid = '@s.whatsapp.net';

type Attributes = Readonly<Record<string, string | undefined>>;

/** Builds a stanza without its undefined attributes. */
export function stanza(
  tag: string,
  attributes: Attributes = {},
  content?: BinaryNode['content'],
): BinaryNode {
  const attrs: Record<string, string> = {};
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) attrs[name] = value;
  return content === undefined ? { tag, attrs } : { tag, attrs, content };
}

export function children(parent: BinaryNode | undefined, tag?: string): BinaryNode[] {
  if (!Array.isArray(parent?.content)) return [];
  return tag === undefined ? parent.content : parent.content.filter((node) => node.tag === tag);
}

export function child(parent: BinaryNode | undefined, tag: string): BinaryNode | undefined {
  return children(parent, tag)[0];
}

/** The binary content of a node; an absent node, or one with children, has none. */
export function nodeBytes(node: BinaryNode | undefined): Buffer {
  const content = node?.content;
  if (content === undefined || Array.isArray(content)) return Buffer.alloc(0);
  return typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
}

export function nodeText(node: BinaryNode | undefined): string {
  return nodeBytes(node).toString('utf8');
}

export function decodeUint(bytes: Buffer): number {
  return bytes.length === 0 ? 0 : bytes.readUIntBE(0, bytes.length);
}

export function encodeUint(value: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeUIntBE(value, 0, length);
  return bytes;
}

/** The answer to an info query: `result` with the id and the addressee of the request. */
export function result(request: BinaryNode, content?: BinaryNode[]): BinaryNode {
  return stanza(
    'iq',
    { from: request.attrs['to'] ?? serverJid, type: 'result', id: request.attrs['id'] },
    content,
  );
}

export function errorResult(request: BinaryNode, code: number, text: string): BinaryNode {
  return stanza('iq', { from: request.attrs['to'] ?? serverJid, type: 'error', id: request.attrs['id'] }, [
    stanza('error', { code: String(code), text }),
  ]);
}
