/** What the WhatsApp session of a company is doing, as shown on the page, in the API and in the metrics. */
export const sessionStates = [
  'idle',
  'pairing',
  'qr_expired',
  'connecting',
  'connected',
  'reconnecting',
  'logged_out',
  'passkey_required',
  'banned',
  'conflict',
  'stopped',
] as const;

export type SessionState = (typeof sessionStates)[number];

export type SessionStatus = Readonly<{
  state: SessionState;
  since: Date;
  /** Why, in a word or a disconnect code such as `503`; never a phone number. */
  detail?: string;
  /** E.164 with `+`, once the session has been linked. */
  phone?: string;
}>;
