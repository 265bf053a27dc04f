import { describe, expect, it } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { DistantRows } from '../../../support/faults/slow-credentials.ts';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const salons = 5;
const messagesEach = 8;

describe('one person who is a client of several salons', () => {
  it('can read what all of them write in the same moment', { timeout: 120_000 }, async () => {
    await using world = await SessionWorld.start();
    using directory = new TemporaryDirectory();
    const host = world.host({ databaseRows: new DistantRows(directory.path) });
    const companies = Array.from({ length: salons }, (_, n) => companyIdFrom(100 + n));
    for (const [n, company] of companies.entries())
      await host.link(company, world.whatsapp.phone(`7903000${1_000 + n}`));
    for (let n = 0; n < messagesEach; n += 1) {
      await Promise.all(
        companies.map((company) =>
          host.manager.sendMessage(company, world.client.number, `Салон ${company}, № ${n}`),
        ),
      );
    }
    await waitFor('all messages', () => world.client.inbox.length === salons * messagesEach, 30_000);
    expect(world.whatsapp.log.filter(({ type }) => type === 'undecryptable')).toEqual([]);
  });
});
