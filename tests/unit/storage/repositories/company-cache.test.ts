import { describe, expect, it } from 'vitest';
import type { Company, IntegrationStatus } from '../../../../src/domain/company/company.ts';
import { companyIdFrom, salonIdFrom } from '../../../../src/domain/ids.ts';
import type { CompanyId } from '../../../../src/domain/ids.ts';
import type { Companies } from '../../../../src/ports/companies.ts';
import { CachedCompanies } from '../../../../src/storage/repositories/company-cache.ts';

describe('CachedCompanies', () => {
  it('caches a company under each of its keys, but not an unknown id', async () => {
    const source = new RecordingCompanies();
    const cache = new CachedCompanies(source);

    for (let count = 0; count < 3; count += 1) {
      await cache.byId(companyIdFrom(1));
      await cache.bySalonId(salonIdFrom(1));
      await cache.byApiKey('1');
      await cache.byId(companyIdFrom(404));
    }

    expect(source.reads).toEqual(['id 1', 'salon 1', 'key 1', 'id 404', 'id 404', 'id 404']);
  });

  it('invalidates every key of a company after a write', async () => {
    const source = new RecordingCompanies();
    const cache = new CachedCompanies(source);
    await cache.byId(companyIdFrom(1));
    await cache.bySalonId(salonIdFrom(1));

    await cache.transitionIntegration(companyIdFrom(1), 'activating', 'test');

    expect(await cache.byId(companyIdFrom(1))).toMatchObject({ integrationStatus: 'activating' });
    expect(await cache.bySalonId(salonIdFrom(1))).toMatchObject({ integrationStatus: 'activating' });
  });

  it('does not cache a read that a write overtook', async () => {
    const source = new RecordingCompanies();
    const cache = new CachedCompanies(source);
    const gate = Promise.withResolvers<void>();
    source.beforeRead = gate.promise;
    const slowRead = cache.byId(companyIdFrom(1));

    await cache.transitionIntegration(companyIdFrom(1), 'activating', 'test');
    gate.resolve();

    expect(await slowRead).toMatchObject({ integrationStatus: 'pending_whatsapp' });
    expect(await cache.byId(companyIdFrom(1))).toMatchObject({ integrationStatus: 'activating' });
  });

  it('evicts the least recently used companies', async () => {
    const source = new RecordingCompanies();
    const cache = new CachedCompanies(source, { maxCompanies: 1 });
    for (const id of [1, 2, 3, 1, 4, 1]) await cache.byId(companyIdFrom(id));

    expect(source.reads).toEqual(['id 1', 'id 2', 'id 3', 'id 4']);
  });
});

/** In-memory companies that record each read. */
class RecordingCompanies implements Companies {
  readonly reads: string[] = [];
  beforeRead: Promise<void> = Promise.resolve();
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

  createOrFind = notImplemented;
  ownerPreview = notImplemented;
  recordSession = notImplemented;
  getSecrets = notImplemented;
  withStatus = notImplemented;
  withoutWhatsApp = notImplemented;
  stats = notImplemented;

  async #read(what: string, id: number): Promise<Company | undefined> {
    this.reads.push(what);
    const found = id === 404 ? undefined : company(id, this.#status);
    await this.beforeRead;
    return found;
  }
}

function notImplemented(): never {
  throw new Error('Not implemented in this test');
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
