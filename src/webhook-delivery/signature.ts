import { createHmac } from 'node:crypto';

const prefix = 'whsec_';

/**
 * The value of the `webhook-signature` header: one signature per secret, separated by spaces.
 *
 * @param secrets `whsec_` and base64
 * @param timestamp in seconds
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signWebhook(
  secrets: readonly string[],
  { id, timestamp, body }: Readonly<{ id: string; timestamp: number; body: string }>,
): string {
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.slice(prefix.length), 'base64');
      return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
    })
    .join(' ');
}
