export type OneTimePrekey = Readonly<{ id: number; value: Buffer }>;
export type SignedPrekey = Readonly<{ id: number; value: Buffer; signature: Buffer }>;

/** Prekey bundle that starts a Signal session with a device. Public keys are 32 bytes, without the version byte. */
export type KeyBundle = Readonly<{
  registrationId: number;
  identityKey: Buffer;
  signedPrekey: SignedPrekey;
  oneTimePrekey: OneTimePrekey | undefined;
}>;
