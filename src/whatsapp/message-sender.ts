import type { WASocket } from '@whiskeysockets/baileys';
import { CredentialsNotSavedError } from './auth-state.ts';
import { notConnected } from './session-errors.ts';

const timedOut = 408;

/**
 * Sends a text to an address. Resolves also when it is not known whether the bytes left: the server's ack tells, and a
 * second send under the same id is the same message.
 * @throws AppError `CONNECTION_FAILED` when nothing left
 */
export async function sendText(sock: WASocket, jid: string, text: string, messageId: string): Promise<void> {
  try {
    // Without `linkPreview: null` Baileys fetches every link in the text.
    await sock.sendMessage(jid, { text, linkPreview: null }, { messageId });
  } catch (cause) {
    if (!mayHaveLeft(cause)) throw notConnected(cause);
  }
}

/** Baileys stores the ratchet after it has written to the socket. */
function mayHaveLeft(error: unknown): boolean {
  if (error instanceof CredentialsNotSavedError) return true;
  return statusCodeOf(error) === timedOut;
}

function statusCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('output' in error)) return undefined;
  const { output } = error;
  if (typeof output !== 'object' || output === null || !('statusCode' in output)) return undefined;
  return typeof output.statusCode === 'number' ? output.statusCode : undefined;
}
