import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { DistantRows } from '../../../support/faults/slow-credentials.ts';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const timeout = 120_000;

/** A linked salon that has written to the client once; `before`: how many messages WhatsApp has had. */
async function chatting(world: SessionWorld, databaseRows: DistantRows) {
  const host = await world.linkedHost({ databaseRows });
  await host.manager.sendMessage(world.company, world.client.number, 'Первое');
  await waitFor('the first message', () => world.client.inbox.length === 1);
  return { host, before: world.happened('message') };
}

describe('the keys of a chat', () => {
  it('are used once, also when both sides write at the same time', { timeout }, async () => {
    await using world = await SessionWorld.start();
    using directory = new TemporaryDirectory();
    const host = await world.linkedHost({ databaseRows: new DistantRows(directory.path) });
    const heard: string[] = [];
    host.manager.on('received', (_companyId, { text }) => heard.push(text));
    const { client, company, salon } = world;
    const texts = Array.from({ length: 80 }, (_, n) => `№ ${n}`);
    for (const [n, text] of texts.entries()) {
      const later = delay((n * 1.3) % 40).then(() => client.sendText(salon.number, text));
      await Promise.all([host.manager.sendMessage(company, client.number, text), later]);
    }
    await waitFor('all messages', () => client.inbox.length === texts.length, 30_000);
    await waitFor('all texts', () => heard.length === texts.length, 30_000);
    expect(world.happened('undecryptable')).toBe(0);
    expect(world.whatsapp.log.filter((event) => event.type === 'receipt' && event.kind === 'retry')).toEqual(
      [],
    );
  });

  it('are written before WhatsApp has the message that used them', { timeout }, async () => {
    await using world = await SessionWorld.start();
    using directory = new TemporaryDirectory();
    const rows = new DistantRows(directory.path);
    const { host, before } = await chatting(world, rows);
    const { client, company } = world;
    rows.fails = () => world.happened('message') > before;
    await host.manager.sendMessage(company, client.number, 'Второе');
    await waitFor('the second message', () => client.inbox.length === 2);
    expect(rows.failed.flat()).not.toContain('session');
  });

  it.each([
    { whose: 'of the client alone', saved: 1 },
    { whose: 'of the own phone either', saved: 0 },
  ])(
    'that cannot be written let nothing leave, and the message waits: not $whose',
    { timeout },
    async ({ saved }) => {
      await using world = await SessionWorld.start();
      using directory = new TemporaryDirectory();
      const rows = new DistantRows(directory.path);
      const { host, before } = await chatting(world, rows);
      const { client, company } = world;
      const message = { messageId: '3EB0000000000000000001' };
      // As often as a message may fail by its recipient's fault.
      for (let attempt = 0; attempt < 3; attempt += 1) {
        let written = 0;
        rows.fails = (types) => {
          if (!types.includes('session') || (written += 1) <= saved) return false;
          // Something else is written between the attempts, and succeeds.
          host.manager.openSocketOf(company)?.ev.emit('creds.update', {});
          return true;
        };
        await expect(
          host.manager.sendMessage(company, client.number, 'Второе', message),
        ).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
        expect(rows.failed.length).toBeGreaterThan(attempt);
        rows.fails = () => false;
        await host.reaches(company, 'connected');
      }
      expect(world.happened('message')).toBe(before);
      await host.manager.sendMessage(company, client.number, 'Второе', message);
      await waitFor('the second message', () => client.inbox.length === 2);
    },
  );
});
