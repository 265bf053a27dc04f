const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether Postgres would read the text as a `uuid` in its canonical form. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}
