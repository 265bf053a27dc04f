/** What a companion shows in its QR code. Keys are 32 bytes. */
export type QrContent = Readonly<{ ref: string; noiseKey: Buffer; identityKey: Buffer; advSecret: Buffer }>;

/** A phone refuses to link a device; the message is the reason shown to its user. */
export class PairingError extends Error {
  override readonly name = 'PairingError';
}

/** Reads `https://wa.me/settings/linked_devices#ref,noise,identity,secret,platform` and the older bare form. */
export function parseQrText(text: string): QrContent {
  const [ref = '', noiseKey = '', identityKey = '', advSecret = ''] = text
    .slice(text.indexOf('#') + 1)
    .split(',');
  if (ref === '') throw new PairingError('This is not a WhatsApp QR code');
  return {
    ref,
    noiseKey: key('noise key', noiseKey),
    identityKey: key('identity key', identityKey),
    advSecret: key('secret', advSecret),
  };
}

function key(name: string, base64: string): Buffer {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== 32) throw new PairingError(`The ${name} in the QR code is not 32 bytes long`);
  return bytes;
}
