import { describe, expect, it } from 'vitest';
import type { CompanyId, SalonId } from '../../../../src/domain/ids.ts';
import { defaultNotificationSettings } from '../../../../src/domain/notification/settings.ts';
import { CachedCompanies } from '../../../../src/storage/repositories/company-cache.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { RegistrationFixture } from '../../../support/fixtures/registration.ts';
import { newCompany, type Repositories, useStore } from '../../../support/fixtures/storage.ts';

const rounds = 100;
const [olga, eva] = [777_001, 999_002];

const newSalonId = (): SalonId => newCompany().salonId;
const forbidden = { code: 'FORBIDDEN', httpStatus: 403 };
const otherOwner = {
  ...forbidden,
  text: { ru: expect.stringContaining('другой пользователь YCLIENTS') as unknown },
};
const inUse = { ...forbidden, text: { ru: expect.stringContaining('Попросите у оператора') as unknown } };

const contested: readonly [string, (repositories: Repositories, salonId: SalonId) => Promise<unknown>][] = [
  ['a fresh salon', async () => {}],
  [
    'an uninstalled salon',
    async ({ companies }, salonId) => {
      const { company } = await companies.createOrFind(newCompany({ salonId }));
      await companies.transitionIntegration(company.id, 'uninstalled', 'test');
    },
  ],
  [
    'an unused salon of the operator',
    ({ companies }, salonId) => companies.createOrFind(newCompany({ salonId })),
  ],
];

/** What a holder of the operator's link can do. */
const acts: readonly [string, (repositories: Repositories, id: CompanyId) => Promise<unknown>][] = [
  [
    'linked',
    ({ companies }, id) => companies.recordSession(id, { state: 'connected', phone: '+79001234567' }),
  ],
  [
    'linked and logged out',
    async ({ companies }, id) => {
      await companies.recordSession(id, { state: 'connected', phone: '+79001234567' });
      await companies.recordSession(id, { state: 'logged_out', cause: '401' });
    },
  ],
  ['pairing', ({ companies }, id) => companies.recordSession(id, { state: 'pairing' })],
  ['configured', ({ settings }, id) => settings.save(id, defaultNotificationSettings, 'test')],
];

describe.each(
  engines({
    both: 'Two registrations meet at a row lock; PGlite has one connection and never waits for one',
  }),
)('the owner of a company in $name', ({ make }) => {
  const store = useStore(make);

  const fixture = (): RegistrationFixture =>
    new RegistrationFixture(store.repositories, new CachedCompanies(store.repositories.companies));

  const tokenCount = async (salonId: SalonId): Promise<number> => {
    const rows = await store.database.sql.transaction((session) =>
      session.query(
        `select count(*)::int as tokens from connect_tokens
         join companies on companies.id = company_id where salon_id = $1`,
        [salonId],
      ),
    );
    return Number(rows[0]?.['tokens']);
  };

  /** Everything that a refused redirect could change. */
  const snapshot = async (salonId: SalonId): Promise<unknown> => {
    const { companies, events } = store.repositories;
    const company = await companies.bySalonId(salonId);
    return {
      company,
      secrets: company && (await companies.getSecrets(company.id)),
      events: company && (await events.latest(company.id, 100)),
      tokens: await tokenCount(salonId),
    };
  };

  it.each(contested)(
    'is one of two users who request %s at once',
    async (_what, prepare) => {
      for (let round = 0; round < rounds; round += 1) {
        const salonId = newSalonId();
        const visits = fixture();
        await prepare(store.repositories, salonId);
        const users = round % 2 === 0 ? [olga, eva] : [eva, olga];
        const results = await Promise.allSettled(users.map((user) => visits.redirect(user, salonId)));
        const winners = users.filter((_user, index) => results[index]?.status === 'fulfilled');
        expect(winners).toHaveLength(1);
        expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: otherOwner });
        expect((await store.repositories.companies.bySalonId(salonId))?.ownerUserId).toBe(winners[0]);
        expect(await tokenCount(salonId)).toBe(1);
        const registrations = visits.log.lines.filter((line) => /"Company (?:re-)?registered"/.test(line));
        expect(registrations).toHaveLength(1);
      }
    },
    60_000,
  );

  it.each(acts)('is not the user of a redirect to an operator’s salon that is %s', async (_what, act) => {
    const visits = fixture();
    const salonId = newSalonId();
    const { id, token } = await visits.byAdmin(salonId);
    await act(store.repositories, id);
    const before = await snapshot(salonId);
    const lineCount = visits.log.lines.length;

    visits.title = 'Другое название';
    await expect(visits.redirect(eva, salonId)).rejects.toMatchObject(inUse);
    const refused = await store.repositories.companies.createOrFind(
      newCompany({ salonId, ownerUserId: eva }),
    );

    expect(refused).toMatchObject({ created: false, claimed: false, company: { ownerUserId: undefined } });
    expect(await snapshot(salonId)).toEqual(before);
    expect(visits.log.lines).toHaveLength(lineCount);
    expect(visits.revoked).toEqual([]);
    expect(await visits.service.validateToken(token)).toBe(id);
  });

  it('is the first user of a redirect to an unused salon of the operator, whose link ends', async () => {
    const visits = fixture();
    const salonId = newSalonId();
    const { id, token } = await visits.byAdmin(salonId);

    const [owned = ''] = await visits.redirect(olga, salonId);

    expect(await store.repositories.companies.byId(id)).toMatchObject({ ownerUserId: olga });
    await expect(visits.service.validateToken(token)).rejects.toMatchObject({ code: 'INVALID_TOKEN' });
    expect(await visits.service.validateToken(owned)).toBe(id);
    expect(visits.revoked).toEqual([id]);
    await expect(visits.redirect(eva, salonId)).rejects.toMatchObject(otherOwner);
  });

  it('comes back while linked and keeps the tokens of the first visit', async () => {
    const visits = fixture();
    const salonId = newSalonId();
    const [first = ''] = await visits.redirect(olga, salonId);
    const id = await visits.service.validateToken(first);
    await store.repositories.companies.recordSession(id, { state: 'connected', phone: '+79001234567' });

    const [second = ''] = await visits.redirect(olga, salonId);

    expect(await visits.service.validateToken(first)).toBe(id);
    expect(await visits.service.validateToken(second)).toBe(id);
    expect(visits.revoked).toEqual([]);
  });

  it('stays when the operator registers the salon again', async () => {
    const visits = fixture();
    const salonId = newSalonId();
    const [owned = ''] = await visits.redirect(olga, salonId);

    const { id, token } = await visits.byAdmin(salonId);

    expect(await store.repositories.companies.byId(id)).toMatchObject({ ownerUserId: olga });
    expect(await visits.service.validateToken(owned)).toBe(id);
    expect(await visits.service.validateToken(token)).toBe(id);
    await expect(visits.redirect(eva, salonId)).rejects.toMatchObject(otherOwner);
  });

  it('is the next user who installs the application again; the previous one is refused', async () => {
    const visits = fixture();
    const salonId = newSalonId();
    const [former = ''] = await visits.redirect(olga, salonId);
    const id = await visits.service.validateToken(former);
    await store.repositories.companies.recordSession(id, { state: 'connected', phone: '+79001234567' });
    await store.repositories.companies.transitionIntegration(id, 'uninstalled', 'test');

    const [next = ''] = await visits.redirect(eva, salonId);

    expect(await store.repositories.companies.byId(id)).toMatchObject({ ownerUserId: eva });
    expect(await visits.service.validateToken(next)).toBe(id);
    await expect(visits.service.validateToken(former)).rejects.toMatchObject({ code: 'INVALID_TOKEN' });
    await expect(visits.redirect(olga, salonId)).rejects.toMatchObject(otherOwner);
    expect(await tokenCount(salonId)).toBe(1);
  });

  it('is the first user of a redirect after the operator registered an uninstalled salon again', async () => {
    const visits = fixture();
    const salonId = newSalonId();
    const { id } = await visits.byAdmin(salonId);
    await store.repositories.companies.recordSession(id, { state: 'connected', phone: '+79001234567' });
    await store.repositories.companies.transitionIntegration(id, 'uninstalled', 'test');
    await visits.byAdmin(salonId);
    // Reported after the reinstallation by the session that it closed.
    await store.repositories.companies.recordSession(id, { state: 'logged_out' });

    await visits.redirect(olga, salonId);

    expect(await store.repositories.companies.byId(id)).toMatchObject({ ownerUserId: olga });
  });

  it('of one salon in a list refuses the whole list without a write', async () => {
    const visits = fixture();
    const [fresh, foreign] = [newSalonId(), newSalonId()];
    await visits.redirect(olga, foreign);

    await expect(visits.redirect(eva, fresh, foreign)).rejects.toMatchObject(otherOwner);

    expect(await store.repositories.companies.bySalonId(fresh)).toBeUndefined();
    expect(await tokenCount(foreign)).toBe(1);
  });

  it('is compared after the registration: a list that lost a race gets no token', async () => {
    const { companies } = store.repositories;
    const stale = Object.assign(new CachedCompanies(companies), {
      ownerPreview: async (_salonId: SalonId, userId: number) => userId,
      bySalonId: async () => undefined,
    });
    const visits = new RegistrationFixture(store.repositories, stale);
    const [fresh, foreign] = [newSalonId(), newSalonId()];
    await visits.redirect(olga, foreign);

    await expect(visits.redirect(eva, fresh, foreign)).rejects.toMatchObject(otherOwner);

    expect(await tokenCount(fresh)).toBe(0);
    expect(await tokenCount(foreign)).toBe(1);
    expect(await companies.bySalonId(foreign)).toMatchObject({ ownerUserId: olga });
  });
});
