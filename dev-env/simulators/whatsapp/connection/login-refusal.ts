/**
 * Attributes of a `failure` stanza. `reason` is the code that the client sees; a temporary ban (402) adds `code` and `expire`,
 * in seconds, and a lock (403) `logout_message_header` and `logout_message_subtext`, as whatsmeow's connectionevents.go reads.
 */
export type LoginRefusal = Readonly<{ reason: string } & Record<string, string>>;
