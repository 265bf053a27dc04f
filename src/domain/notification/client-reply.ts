export const clientReplyKinds = ['stop', 'start', 'yes', 'no'] as const;

export type ClientReplyKind = (typeof clientReplyKinds)[number];

const keywords: Readonly<Record<ClientReplyKind, readonly string[]>> = {
  stop: ['стоп', 'stop', 'отписаться', 'unsubscribe'],
  start: ['старт', 'start'],
  yes: ['1', 'да', 'yes', 'подтверждаю'],
  no: ['0', 'нет', 'no'],
};

const kindByKeyword: ReadonlyMap<string, ClientReplyKind> = new Map(
  clientReplyKinds.flatMap((kind) => keywords[kind].map((keyword) => [keyword, kind] as const)),
);

/** Latin letters that look like Cyrillic ones. */
const homoglyphs: Readonly<Record<string, string>> = {
  c: 'с',
  o: 'о',
  t: 'т',
  p: 'р',
  a: 'а',
  h: 'н',
  e: 'е',
};

const maxReplyLength = 20;

/**
 * Recognises a message that consists of one keyword, ignoring case, punctuation around it, keycap emoji and mixed alphabets.
 * Undefined for any other text, which the salon answers itself.
 */
export function parseClientReply(text: string): ClientReplyKind | undefined {
  if (text.length > maxReplyLength) return undefined;
  const word = text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\u{FE0F}\u{20E3}]/gu, '')
    .replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
  return (
    kindByKeyword.get(word) ??
    kindByKeyword.get(Array.from(word, (letter) => homoglyphs[letter] ?? letter).join(''))
  );
}
