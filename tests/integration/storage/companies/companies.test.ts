import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { integrationStatuses } from '../../../../src/domain/company/company.ts';
import type { IntegrationStatus } from '../../../../src/domain/company/company.ts';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { newCompany, registerCompany, useStore } from '../../../support/fixtures/storage.ts';

const unknownId = companyIdFrom(999_999_999);

describe.each(engines())('companies in $name', ({ make }) => {
  const store = useStore(make);

  it('registers a salon once for concurrent requests', async () => {
    const { companies } = store.repositories;
    const wanted = newCompany();

    const results = await Promise.all(
      Array.from({ length: 8 }, () => companies.createOrFind({ ...newCompany(), salonId: wanted.salonId })),
    );

    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(results.map(({ company }) => company.id)).size).toBe(1);
  });

  it('updates title, type and time zone of a known salon and keeps secrets and owner', async () => {
    const { companies } = store.repositories;
    const first = newCompany({ ownerUserId: 11 });
    const { company } = await companies.createOrFind(first);

    const again = await companies.createOrFind({
      ...newCompany(),
      salonId: first.salonId,
      title: 'Барбершоп',
      businessType: 'barbershop',
      timeZone: 'Asia/Omsk',
    });

    expect(again.created).toBe(false);
    expect(again.company).toEqual({
      ...company,
      title: 'Барбершоп',
      businessType: 'barbershop',
      timeZone: 'Asia/Omsk',
    });
    expect(await companies.getSecrets(company.id)).toEqual({
      apiKey: first.apiKey,
      webhookSecret: first.webhookSecret,
    });
  });

  it('resets an uninstalled salon that is registered again', async () => {
    const { companies, events, connectTokens } = store.repositories;
    const first = newCompany({ ownerUserId: 11 });
    const { company } = await companies.createOrFind(first);
    await companies.recordSession(company.id, { state: 'connected', phone: '+79001234567' });
    await connectTokens.save('a'.repeat(64), company.id, new Date(Date.now() + 60_000));
    await companies.transitionIntegration(company.id, 'uninstalled', 'lifecycle');

    const second = newCompany({ salonId: first.salonId, ownerUserId: 22 });
    const again = await companies.createOrFind(second);

    expect(again).toMatchObject({
      created: false,
      company: {
        id: company.id,
        integrationStatus: 'pending_whatsapp',
        ownerUserId: 22,
        sessionState: 'idle',
        whatsappPhone: undefined,
        connectedAt: undefined,
      },
    });
    expect(await companies.byId(company.id)).toEqual(again.company);
    expect(await companies.getSecrets(company.id)).toEqual({
      apiKey: second.apiKey,
      webhookSecret: second.webhookSecret,
    });
    expect(await companies.byApiKey(first.apiKey)).toBeUndefined();
    expect(await companies.byApiKey(second.apiKey)).toEqual(again.company);
    expect(again.company.webhookSecretHash).not.toBe(company.webhookSecretHash);
    expect(await connectTokens.isValid('a'.repeat(64), company.id)).toBe(false);
    expect((await events.latest(company.id, 1))[0]?.detail).toEqual({
      from: 'uninstalled',
      to: 'pending_whatsapp',
    });
  });

  it('finds a company by each of its keys', async () => {
    const { companies } = store.repositories;
    const wanted = newCompany();
    const { company } = await companies.createOrFind(wanted);

    expect(company.webhookSecretHash).toBe(createHash('sha256').update(wanted.webhookSecret).digest('hex'));
    expect(await companies.byId(company.id)).toEqual(company);
    expect(await companies.bySalonId(wanted.salonId)).toEqual(company);
    expect(await companies.byApiKey(wanted.apiKey)).toEqual(company);
    expect(await companies.byApiKey(`${wanted.apiKey}0`)).toBeUndefined();
    expect(await companies.byId(unknownId)).toBeUndefined();
    expect(await companies.getSecrets(unknownId)).toBeUndefined();
  });

  it('stores secrets encrypted', async () => {
    const wanted = newCompany();
    await store.repositories.companies.createOrFind(wanted);

    const rows = await store.database.sql.transaction((session) =>
      session.query(
        `select encode(api_key, 'escape') || encode(webhook_secret, 'escape') as stored from company_secrets`,
      ),
    );

    const stored = JSON.stringify(rows);
    expect(stored).not.toContain(wanted.apiKey);
    expect(stored).not.toContain(wanted.webhookSecret);
  });

  it('allows only the defined integration status transitions', async () => {
    const { companies } = store.repositories;
    const company = await registerCompany(store.repositories);
    const pairs = integrationStatuses.flatMap((from) => integrationStatuses.map((to) => [from, to] as const));

    const moved: string[] = [];
    for (const [from, to] of pairs) {
      await forceStatus(company.id, from);
      const after = await companies.transitionIntegration(company.id, to, 'test');
      if (after !== undefined) moved.push(`${from} > ${after.integrationStatus}`);
    }

    expect(moved).toEqual([
      'pending_whatsapp > activating',
      'pending_whatsapp > uninstalled',
      'activating > active',
      'activating > activation_failed',
      'activating > uninstalled',
      'active > activating',
      'active > frozen',
      'active > uninstalled',
      'activation_failed > activating',
      'activation_failed > active',
      'activation_failed > uninstalled',
      'frozen > activating',
      'frozen > active',
      'frozen > uninstalled',
      'uninstalled > pending_whatsapp',
    ]);
  });

  it('performs one of several concurrent transitions', async () => {
    const { companies, events } = store.repositories;
    const company = await registerCompany(store.repositories);

    const results = await Promise.all(
      Array.from({ length: 6 }, () =>
        companies.transitionIntegration(company.id, 'activating', 'concurrent'),
      ),
    );

    expect(results.filter((result) => result !== undefined)).toHaveLength(1);
    const moves = (await events.latest(company.id, 50)).filter(
      ({ type }) => type === 'integration_status_changed',
    );
    expect(moves).toHaveLength(1);
  });

  it('records one event per session state change and the time of linking', async () => {
    const { companies, events } = store.repositories;
    const company = await registerCompany(store.repositories);

    await companies.recordSession(company.id, { state: 'pairing' });
    const linked = await companies.recordSession(company.id, { state: 'connected', phone: '+79001234567' });
    await companies.recordSession(company.id, { state: 'connected', phone: '+79001234567' });
    await companies.recordSession(company.id, { state: 'reconnecting', cause: '503' });
    const back = await companies.recordSession(company.id, { state: 'connected' });
    const out = await companies.recordSession(company.id, { state: 'logged_out', cause: '401' });

    expect(linked).toMatchObject({ sessionState: 'connected', whatsappPhone: '+79001234567' });
    expect(linked?.connectedAt).toBeInstanceOf(Date);
    expect(back?.connectedAt).toEqual(linked?.connectedAt);
    expect(out).toMatchObject({ connectedAt: undefined, whatsappPhone: '+79001234567' });
    const changes = (await events.latest(company.id, 50)).filter(
      ({ type }) => type === 'session_state_changed',
    );
    expect(changes.map(({ cause, detail }) => [detail?.['to'], cause, detail?.['linked']])).toEqual([
      ['logged_out', '401', false],
      ['connected', 'session', false],
      ['reconnecting', '503', false],
      ['connected', 'session', true],
      ['pairing', 'session', false],
    ]);
    expect(await companies.recordSession(unknownId, { state: 'connected' })).toBeUndefined();
  });

  it('keeps the cause of a session state until the state changes', async () => {
    const { companies } = store.repositories;
    const { id } = await registerCompany(store.repositories);
    await companies.recordSession(id, { state: 'stopped', cause: '411' });
    expect(await companies.byId(id)).toMatchObject({ sessionState: 'stopped', sessionCause: '411' });
    const connected = await companies.recordSession(id, { state: 'connected', phone: '+79001234567' });
    expect(connected).toMatchObject({ sessionState: 'connected', sessionCause: undefined });
  });

  it('lists installed companies without WhatsApp, longest first, up to the limit', async () => {
    const { companies } = store.repositories;
    const [banned, fine, gone, lost, relinking, fresh] = [
      await registerCompany(store.repositories),
      await registerCompany(store.repositories),
      await registerCompany(store.repositories),
      await registerCompany(store.repositories),
      await registerCompany(store.repositories),
      await registerCompany(store.repositories),
    ];
    await companies.recordSession(banned.id, { state: 'banned', cause: '402/101' });
    await companies.recordSession(fine.id, { state: 'connected', phone: '+79001234567' });
    await companies.recordSession(gone.id, { state: 'logged_out', cause: '401' });
    await companies.transitionIntegration(gone.id, 'uninstalled', 'test');
    await companies.recordSession(lost.id, { state: 'logged_out', cause: '401' });
    await companies.recordSession(relinking.id, { state: 'connected', phone: '+79001234568' });
    await companies.recordSession(relinking.id, { state: 'qr_expired' });
    await companies.recordSession(fresh.id, { state: 'qr_expired' });

    const listed = await companies.withoutWhatsApp(1_000);
    const own = listed.filter(({ id }) =>
      [banned, fine, gone, lost, relinking, fresh].some((one) => one.id === id),
    );
    expect(own.map(({ id, sessionCause }) => [id, sessionCause])).toEqual([
      [banned.id, '402/101'],
      [lost.id, '401'],
      [relinking.id, undefined],
    ]);
    expect(await companies.withoutWhatsApp(1)).toEqual(listed.slice(0, 1));
  });

  it('counts connections in total and of the last day', async () => {
    const { companies } = store.repositories;
    const before = await companies.stats();
    const [connected, lost] = [
      await registerCompany(store.repositories),
      await registerCompany(store.repositories),
    ];
    await companies.recordSession(connected.id, { state: 'connected', phone: '+79001234567' });
    await companies.transitionIntegration(connected.id, 'activating', 'test');
    await companies.recordSession(lost.id, { state: 'connected', phone: '+79001234568' });
    await companies.recordSession(lost.id, { state: 'logged_out' });
    await companies.transitionIntegration(lost.id, 'uninstalled', 'test');

    const after = await companies.stats();

    expect(after.total - before.total).toBe(2);
    expect(after.connected - before.connected).toBe(1);
    expect(after.disconnected - before.disconnected).toBe(1);
    expect(after.pending - before.pending).toBe(0);
    expect((after.byStatus.activating ?? 0) - (before.byStatus.activating ?? 0)).toBe(1);
    expect(after.last24h.newConnections - before.last24h.newConnections).toBe(2);
    expect(after.last24h.disconnections - before.last24h.disconnections).toBe(1);
  });

  it('lists companies by status, oldest first', async () => {
    const { companies } = store.repositories;
    const older = await registerCompany(store.repositories);
    const newer = await registerCompany(store.repositories);
    await registerCompany(store.repositories);
    await forceStatus(older.id, 'frozen');
    await forceStatus(newer.id, 'frozen');

    const frozen = (await companies.withStatus(['frozen'])).map(({ id }) => id);

    expect(frozen.slice(-2)).toEqual([older.id, newer.id]);
    expect(await companies.withStatus([])).toEqual([]);
  });

  it('lists events newest first and rejects one of an unknown company', async () => {
    const { events } = store.repositories;
    const company = await registerCompany(store.repositories);
    const detail = { count: 3, word: 'да', yes: true, nothing: null };

    await events.record({ companyId: company.id, type: 'first_thing', cause: 'test', detail });
    await events.record({ companyId: company.id, type: 'second_thing', cause: 'test' });

    const latest = await events.latest(company.id, 2);
    expect(latest.map(({ type, detail: kept }) => [type, kept])).toEqual([
      ['second_thing', {}],
      ['first_thing', detail],
    ]);
    await expect(events.record({ companyId: unknownId, type: 'thing', cause: 'test' })).rejects.toMatchObject(
      {
        code: 'COMPANY_NOT_FOUND',
      },
    );
  });

  async function forceStatus(id: number, status: IntegrationStatus): Promise<void> {
    await store.database.sql.transaction((session) =>
      session.query('update companies set integration_status = $2 where id = $1', [id, status]),
    );
  }
});
