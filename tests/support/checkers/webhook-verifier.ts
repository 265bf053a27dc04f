/** An older webhook counts as a replay. */
const toleranceMs = 5 * 60_000;

/**
 * Checks a webhook as a receiver would, by the text of Standard Webhooks and the browser's cryptography: nothing of it is
 * shared with the code that signs. @returns the payload. @throws Error that says what is wrong
 */
export async function verifyWebhook(
  secret: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: string,
  nowMs = Date.now(),
): Promise<unknown> {
  const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) => {
    const value = headers[`webhook-${name}`];
    if (typeof value !== 'string') throw new Error(`The header webhook-${name} is missing`);
    return value;
  });
  if (Math.abs(nowMs - Number(timestamp) * 1_000) > toleranceMs)
    throw new Error('Timestamp outside tolerance');
  const secretBytes = decodeBase64(secret.replace(/^whsec_/, ''));
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', secretBytes, algorithm, false, ['verify']);
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  for (const signature of (signatures ?? '').split(' ')) {
    const [version, value = ''] = signature.split(',');
    if (version === 'v1' && (await crypto.subtle.verify('HMAC', key, decodeBase64(value), signed)))
      return JSON.parse(body) as unknown;
  }
  throw new Error('No valid signature');
}

function decodeBase64(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.codePointAt(0) ?? 0);
}
