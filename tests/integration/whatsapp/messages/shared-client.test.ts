import { describe, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { SlowCredentials } from '../../../support/faults/slow-credentials.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';

const salonCount = 5;
const messagesPerSalon = 8;

describe('a client of several salons', () => {
  it('can decrypt the messages that all of them send at the same time', { timeout: 120_000 }, async () => {
    await using fixture = await SessionFixture.start();
    using directory = new TemporaryDirectory();
    const host = fixture.host({ databaseCredentials: new SlowCredentials(directory.path) });
    const companies = Array.from({ length: salonCount }, (_, n) => companyIdFrom(100 + n));
    for (const [n, company] of companies.entries())
      await host.link(company, fixture.whatsapp.phone(`7903000${1_000 + n}`));
    for (let n = 0; n < messagesPerSalon; n += 1) {
      await Promise.all(
        companies.map((company) =>
          host.manager.sendMessage(company, fixture.client.number, `Салон ${company}, № ${n}`),
        ),
      );
    }
    await waitFor(
      'all messages',
      () => fixture.client.inbox.length === salonCount * messagesPerSalon,
      30_000,
    );
    expect(fixture.whatsapp.log.filter(({ type }) => type === 'undecryptable')).toEqual([]);
  });
});
