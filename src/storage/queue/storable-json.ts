/**
 * The value as JSON that Postgres can hold: its jsonb refuses NUL and halves of surrogate pairs, which JSON allows. They
 * become U+FFFD; one such character must not keep a webhook from being stored.
 */
export function jsonbSafe(value: unknown): string {
  const json = JSON.stringify(value);
  // JSON.stringify escapes exactly these and other control characters; whole pairs it writes as they are.
  if (!/\\u(?:0000|d)/.test(json)) return json;
  return json.replaceAll(/\\(?:u([0-9a-f]{4})|.)/g, (escape, code: string | undefined) =>
    code === '0000' || code?.startsWith('d') === true ? String.raw`\ufffd` : escape,
  );
}
