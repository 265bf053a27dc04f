/** State of a company's WhatsApp session, public in the page, the API and the metrics. */
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
  /** Reason or disconnect code such as `503`; never a phone number. */
  detail?: string;
  /** E.164 with `+`; absent until the session is linked. */
  phone?: string;
}>;
