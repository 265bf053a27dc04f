import { describe, expect, it } from 'vitest';
import type { Company, IntegrationStatus } from '../../../../src/domain/company/company.ts';
import { companyIdFrom, salonIdFrom } from '../../../../src/domain/ids.ts';
import type { CompanyId } from '../../../../src/domain/ids.ts';
import { CompanyCache } from '../../../../src/storage/repositories/company-cache.ts';
import type { Companies } from '../../../../src/ports/companies.ts';

describe('the cache of companies', () => {
  it('asks once for a company, under each of its keys, and again for one that was not there', async () => {
    const source = new CountedCompanies();
    const cache = new CompanyCache(source);

    for (let count = 0; count < 3; count += 1) {
      await cache.byId(companyIdFrom(1));
      await cache.bySalonId(salonIdFrom(1));
      await cache.byApiKey('1');
      await cache.byId(companyIdFrom(404));
    }

    expect(source.reads).toEqual(['id 1', 'salon 1', 'key 1', 'id 404', 'id 404', 'id 404']);
  });

  it('shows what was written through it, under every key', async () => {
    const source = new CountedCompanies();
    const cache = new CompanyCache(source);
    await cache.byId(companyIdFrom(1));
    await cache.bySalonId(salonIdFrom(1));

    await cache.transitionIntegration(companyIdFrom(1), 'activating', 'test');

    expect(await cache.byId(companyIdFrom(1))).toMatchObject({ integrationStatus: 'activating' });
    expect(await cache.bySalonId(salonIdFrom(1))).toMatchObject({ integrationStatus: 'activating' });
  });

  it('does not bring back a company that was read before a write ended', async () => {
    const source = new CountedCompanies();
    const cache = new CompanyCache(source);
    const gate = Promise.withResolvers<void>();
    source.beforeAnswer = gate.promise;
    const slowRead = cache.byId(companyIdFrom(1));

    await cache.transitionIntegration(companyIdFrom(1), 'activating', 'test');
    gate.resolve();

    expect(await slowRead).toMatchObject({ integrationStatus: 'pending_whatsapp' });
    expect(await cache.byId(companyIdFrom(1))).toMatchObject({ integrationStatus: 'activating' });
  });

  it('keeps the companies used last', async () => {
    const source = new CountedCompanies();
    const cache = new CompanyCache(source, { maxCompanies: 1 });
    for (const id of [1, 2, 3, 1, 4, 1]) await cache.byId(companyIdFrom(id));

    expect(source.reads).toEqual(['id 1', 'id 2', 'id 3', 'id 4']);
  });
});

/** Companies in memory, which count how often they are asked. */
class CountedCompanies implements Companies {
  readonly reads: string[] = [];
  beforeAnswer: Promise<void> = Promise.resolve();
  #status: IntegrationStatus = 'pending_whatsapp';

  async byId(id: CompanyId): Promise<Company | undefined> {
    return this.#read(`id ${id}`, id);
  }

  async bySalonId(salonId: number): Promise<Company | undefined> {
    return this.#read(`salon ${salonId}`, salonId);
  }

  async byApiKey(apiKey: string): Promise<Company | undefined> {
    return this.#read(`key ${apiKey}`, Number(apiKey));
  }

  async transitionIntegration(id: CompanyId, to: IntegrationStatus): Promise<Company | undefined> {
    this.#status = to;
    return company(id, to);
  }

  createOrFind = unasked;
  recordSession = unasked;
  getSecrets = unasked;
  withStatus = unasked;
  withoutWhatsApp = unasked;
  stats = unasked;

  async #read(what: string, id: number): Promise<Company | undefined> {
    this.reads.push(what);
    const answer = id === 404 ? undefined : company(id, this.#status);
    await this.beforeAnswer;
    return answer;
  }
}

function unasked(): never {
  throw new Error('Not implemented in this test server');
}

function company(id: number, integrationStatus: IntegrationStatus): Company {
  return {
    id: companyIdFrom(id),
    salonId: salonIdFrom(id),
    title: 'Лён',
    businessType: 'beauty',
    timeZone: undefined,
    language: 'ru',
    ownerUserId: undefined,
    integrationStatus,
    sessionState: 'idle',
    sessionStateSince: new Date(0),
    sessionCause: undefined,
    whatsappPhone: undefined,
    connectedAt: undefined,
    webhookSecretHash: '',
    createdAt: new Date(0),
  };
}
