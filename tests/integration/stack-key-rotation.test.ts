import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { inDays, linkSalon, waitUntilActive } from '../harness/linked-salon.ts';
import { statusOf } from '../harness/people.ts';
import { clientNumber, startStack, type Stack } from '../harness/start-stack.ts';
import { waitFor } from '../harness/wait-for.ts';
import { quietLibsignal } from '../simulators/whatsapp/quiet-libsignal.ts';

const [k1, k2, k3] = ['k1', 'k2', 'k3'].map((id) => `${id}:${randomBytes(32).toString('base64')}`);

describe('ENCRYPTION_KEYS', () => {
  it('is changed as the operations guide says: the salon stays linked, and the old key is not needed any more', async () => {
    using _quiet = quietLibsignal();
    await using stack = await startStack({ preparedStore: true, environment: { ENCRYPTION_KEYS: `${k1}` } });
    const { salonId, token } = await linkSalon(stack);
    expect(await valueOf(stack, 'marketplace_values_under_other_keys')).toBe('0');
    const registrations = registrationsAt(stack);

    await restart(stack, `${k2},${k1}`);
    await waitFor(
      'nothing to be under the old key',
      async () => (await valueOf(stack, 'marketplace_values_under_other_keys')) === '0',
      20_000,
    );
    expect(stack.server.output).toContain('All credentials and secrets of companies are under');

    await restart(stack, `${k2}`);
    await waitUntilActive(stack, token);
    const client = stack.whatsapp.phone(clientNumber);
    stack.yclients.book(salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff: 'Мария',
      start: inDays(2, '14:30:00'),
    });
    await client.waitForMessage(({ text }) => text.includes('Стрижка'), 15_000);
    expect(registrationsAt(stack)).toBe(registrations);

    await restart(stack, `${k3}`);
    const alerts = () => valueOf(stack, 'marketplace_whatsapp_alerts_total{cause="credentials_unreadable"}');
    await waitFor('the alert', async () => (await alerts()) === '1');
    expect((await statusOf(stack.url, token)).whatsapp_connected).toBe(false);
    expect(Number(await valueOf(stack, 'marketplace_values_under_other_keys'))).toBeGreaterThan(800);
    await waitFor('a warning', () => stack.server.output.includes('do not remove a key yet'));
    expect(registrationsAt(stack), 'no new identity').toBe(registrations);
  }, 240_000);
});

async function restart(stack: Stack, keys: string): Promise<void> {
  await stack.server.stop();
  stack.server.reconfigure({ ENCRYPTION_KEYS: keys });
  await stack.server.start();
}

async function valueOf({ url }: Stack, metric: string): Promise<string | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text
    .split('\n')
    .find((line) => line.startsWith(`${metric} `))
    ?.slice(metric.length + 1);
}

function registrationsAt({ whatsapp }: Stack): number {
  return whatsapp.log.filter(({ type }) => type === 'registration').length;
}
