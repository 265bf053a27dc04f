import type { Addressing } from './stanzas/jids.ts';

export type WhatsAppSimulatorOptions = Readonly<{
  /** Default 0, any free port. */
  port?: number;
  /** Between the end of the handshake and the first stanza; below about 10 ms some clients lose it. */
  firstFrameDelayMs?: number;
  /** Between a message and the server's acknowledgement of it. */
  ackDelayMs?: number;
  /** Between a message and its arrival at the other phone. */
  deliveryDelayMs?: number;
  /** Between the arrival at the phone and its delivery receipt. */
  receiptDelayMs?: number;
  /** Between an accepted pairing and the order to restart, and between an error stanza and the closed socket. */
  closeDelayMs?: number;
  /** How long the first QR code of a connection may be scanned, and each of the five that follow. */
  firstQrLifetimeMs?: number;
  nextQrLifetimeMs?: number;
  /** How much longer than shown a QR code is accepted, for the time it travels. */
  qrGraceMs?: number;
  /** How long a pairing code can be typed. */
  codeLifetimeMs?: number;
  /** Default display name of phones. */
  addressing?: Addressing;
  now?: () => number;
}>;

export type SimulatorConfig = Required<WhatsAppSimulatorOptions>;

export const defaultConfig: SimulatorConfig = {
  port: 0,
  firstFrameDelayMs: 60,
  ackDelayMs: 40,
  deliveryDelayMs: 20,
  receiptDelayMs: 300,
  closeDelayMs: 80,
  firstQrLifetimeMs: 60_000,
  nextQrLifetimeMs: 20_000,
  qrGraceMs: 2000,
  codeLifetimeMs: 180_000,
  addressing: 'pn',
  now: Date.now,
};
