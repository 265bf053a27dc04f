import type { BinaryNode } from '@whiskeysockets/baileys';

import type { BaileysClient } from '../../../dev-env/clients/baileys-client.ts';

/** Asks the service, and gives its whole answer. */
export function sendQuery(
  client: BaileysClient,
  request: BinaryNode,
  timeoutMs?: number,
): Promise<BinaryNode> {
  return client.socket.query(request, timeoutMs);
}

/** The next notification of this type, as it comes from the service. */
export function nextNotification(client: BaileysClient, type: string): Promise<BinaryNode> {
  return new Promise((resolve) => {
    client.socket.ws.once(`CB:notification,type:${type}`, resolve);
  });
}
