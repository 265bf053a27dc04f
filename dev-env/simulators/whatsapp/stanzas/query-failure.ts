import type { BinaryNode } from '@whiskeysockets/baileys';
import type { ClientConnection } from '../connection/client-connection.ts';
import type { Service } from '../service.ts';
import { children, errorResult } from './nodes.ts';

/** Answers a query that is set to fail. @returns true when it did; `number` is empty for an unlinked client */
export function applyQueryFault(
  service: Service,
  connection: ClientConnection,
  request: BinaryNode,
  number: string,
): boolean {
  const fault = service.faults.queries.faultFor(request, number);
  if (fault === undefined) return false;
  const type = fault === 'silence' ? 'query silenced' : 'query limited';
  service.log.add({ type, number, ...describeQuery(request) });
  if (fault === 'limit') connection.send(errorResult(request, 429, 'rate-overlimit'));
  return true;
}

export function describeQuery(request: BinaryNode): Readonly<{ xmlns: string; content: string }> {
  const content = children(request).map(({ tag }) => tag);
  return { xmlns: request.attrs['xmlns'] ?? '', content: content.join(' ') };
}
