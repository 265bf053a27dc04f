import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { SlowCredentials } from '../../../support/faults/slow-credentials.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';

const timeout = 120_000;

/** A linked salon that has sent the client one message. `before` is the number of messages in the simulator's log. */
async function openChat(fixture: SessionFixture, databaseCredentials: SlowCredentials) {
  const host = await fixture.linkedHost({ databaseCredentials });
  await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Первое');
  await waitFor('the first message', () => fixture.client.inbox.length === 1);
  return { host, before: fixture.countEvents('message') };
}

describe('the Signal keys of a chat', () => {
  it('are used once, also when both sides send at the same time', { timeout }, async () => {
    await using fixture = await SessionFixture.start();
    using directory = new TemporaryDirectory();
    const host = await fixture.linkedHost({ databaseCredentials: new SlowCredentials(directory.path) });
    const storedTexts: string[] = [];
    host.manager.on('received', (_companyId, { text }) => storedTexts.push(text));
    const { client, companyId, salon } = fixture;
    const texts = Array.from({ length: 80 }, (_, n) => `№ ${n}`);
    for (const [n, text] of texts.entries()) {
      const later = delay((n * 1.3) % 40).then(() => client.sendText(salon.number, text));
      await Promise.all([host.manager.sendMessage(companyId, client.number, text), later]);
    }
    await waitFor('all messages', () => client.inbox.length === texts.length, 30_000);
    await waitFor('all texts', () => storedTexts.length === texts.length, 30_000);
    expect(fixture.countEvents('undecryptable')).toBe(0);
    expect(
      fixture.whatsapp.log.filter((event) => event.type === 'receipt' && event.kind === 'retry'),
    ).toEqual([]);
  });

  it('are stored before the message that used them is sent', { timeout }, async () => {
    await using fixture = await SessionFixture.start();
    using directory = new TemporaryDirectory();
    const credentials = new SlowCredentials(directory.path);
    const { host, before } = await openChat(fixture, credentials);
    const { client, companyId } = fixture;
    credentials.shouldFail = () => fixture.countEvents('message') > before;
    await host.manager.sendMessage(companyId, client.number, 'Второе');
    await waitFor('the second message', () => client.inbox.length === 2);
    expect(credentials.failedWrites.flat()).not.toContain('session');
  });

  it.each([
    { whose: 'of the client', storedWrites: 1 },
    { whose: 'of the own phone', storedWrites: 0 },
  ])(
    '$whose that cannot be stored prevent the send, and the retry succeeds',
    { timeout },
    async ({ storedWrites }) => {
      await using fixture = await SessionFixture.start();
      using directory = new TemporaryDirectory();
      const credentials = new SlowCredentials(directory.path);
      const { host, before } = await openChat(fixture, credentials);
      const { client, companyId } = fixture;
      const message = { messageId: '3EB0000000000000000001' };
      // After this many encryption failures of the recipient a message fails permanently.
      for (let attempt = 0; attempt < 3; attempt += 1) {
        let writes = 0;
        credentials.shouldFail = (types) => {
          if (!types.includes('session') || (writes += 1) <= storedWrites) return false;
          // A write of the identity succeeds between the attempts.
          host.manager.getConnectedSocket(companyId)?.ev.emit('creds.update', {});
          return true;
        };
        await expect(
          host.manager.sendMessage(companyId, client.number, 'Второе', message),
        ).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
        expect(credentials.failedWrites.length).toBeGreaterThan(attempt);
        credentials.shouldFail = () => false;
        await host.waitForState(companyId, 'connected');
      }
      expect(fixture.countEvents('message')).toBe(before);
      await host.manager.sendMessage(companyId, client.number, 'Второе', message);
      await waitFor('the second message', () => client.inbox.length === 2);
    },
  );
});
