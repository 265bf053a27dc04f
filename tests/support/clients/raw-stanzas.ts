import type { BinaryNode } from '@whiskeysockets/baileys';
import type { BaileysClient } from '../../../dev-env/clients/baileys-client.ts';

/** Sends a query and returns the complete response stanza. */
export function sendQuery(
  client: BaileysClient,
  request: BinaryNode,
  timeoutMs?: number,
): Promise<BinaryNode> {
  return client.socket.query(request, timeoutMs);
}

/** Waits for the next notification stanza of this type. */
export function nextNotification(client: BaileysClient, type: string): Promise<BinaryNode> {
  return new Promise((resolve) => {
    client.socket.ws.once(`CB:notification,type:${type}`, resolve);
  });
}
