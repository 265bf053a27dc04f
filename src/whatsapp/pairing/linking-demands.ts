import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';

export type LinkingDemands = Readonly<{
  /** The secret that the QR code shows is retired. */
  newSecret: (notification: BinaryNode) => void;
  /** The account links no device without a passkey (WebAuthn), which cannot be offered here. */
  passkey: () => void;
}>;

/** Tells what WhatsApp asks of a device that a phone is about to link, and Baileys does not know. */
export function watchLinkingDemands(sock: WASocket, demands: LinkingDemands): void {
  sock.ws.on('CB:notification,type:companion_reg_refresh', demands.newSecret);
  sock.ws.on('CB:notification,type:passkey_prologue_request', demands.passkey);
  sock.ws.on('CB:notification,type:crsc_continuation', demands.passkey);
}
