import { describe, expect, it } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { SlowCredentials } from '../../../support/faults/slow-credentials.ts';
import { SessionFixture } from '../../../support/fixtures/session-fixture.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const salons = 5;
const messagesEach = 8;

describe('one person who is a client of several salons', () => {
  it('can read what all of them write in the same moment', { timeout: 120_000 }, async () => {
    await using fixture = await SessionFixture.start();
    using directory = new TemporaryDirectory();
    const host = fixture.host({ databaseCredentials: new SlowCredentials(directory.path) });
    const companies = Array.from({ length: salons }, (_, n) => companyIdFrom(100 + n));
    for (const [n, company] of companies.entries())
      await host.link(company, fixture.whatsapp.phone(`7903000${1_000 + n}`));
    for (let n = 0; n < messagesEach; n += 1) {
      await Promise.all(
        companies.map((company) =>
          host.manager.sendMessage(company, fixture.client.number, `Салон ${company}, № ${n}`),
        ),
      );
    }
    await waitFor('all messages', () => fixture.client.inbox.length === salons * messagesEach, 30_000);
    expect(fixture.whatsapp.log.filter(({ type }) => type === 'undecryptable')).toEqual([]);
  });
});
