import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';

export type RegistrationNotificationHandlers = Readonly<{
  /** The secret that the QR code shows is retired. */
  onSecretRefresh: (notification: BinaryNode) => void;
  /** The account links no device without a passkey (WebAuthn), which cannot be offered here. */
  onPasskeyRequired: () => void;
}>;

/** Tells what WhatsApp asks of a device that a phone is about to link, and Baileys does not know. */
export function watchRegistrationNotifications(
  sock: WASocket,
  handlers: RegistrationNotificationHandlers,
): void {
  sock.ws.on('CB:notification,type:companion_reg_refresh', handlers.onSecretRefresh);
  sock.ws.on('CB:notification,type:passkey_prologue_request', handlers.onPasskeyRequired);
  sock.ws.on('CB:notification,type:crsc_continuation', handlers.onPasskeyRequired);
}
