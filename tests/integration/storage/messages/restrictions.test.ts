import { describe, expect, it } from 'vitest';
import { engines } from '../../../support/fixtures/engines.ts';
import { leasedCompany } from '../../../support/fixtures/leased-company.ts';
import { claimNext, enqueue, newMessage, newPhone, useStore } from '../../../support/fixtures/storage.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const asked = { source: 'asked' } as const;

describe.each(engines())('new-chat restriction in $name', ({ make }) => {
  const store = useStore(make);

  const linkedCompany = async () => {
    const leased = await leasedCompany(store);
    await store.repositories.companies.recordSession(leased.companyId, { state: 'connected' });
    return leased;
  };

  it('holds only messages to new contacts, until its end', async () => {
    const { companyId, lease, clock } = await leasedCompany(store);
    const { contacts, messages, restrictions } = store.repositories;
    const [newContact, hasWritten, wasReached] = [newPhone(), newPhone(), newPhone()];
    const first = await enqueue(messages, newMessage(companyId, { phone: wasReached }));
    expect(await claimNext(messages, lease)).toMatchObject({ id: first.id });
    await messages.advance(companyId, first.whatsappMessageId, 'delivered');
    await contacts.received(companyId, hasWritten);
    const endsAt = new Date(Date.now() + hourMs);
    await restrictions.record(companyId, { ...asked, result: 'locked', endsAt, kind: 'BIZ_QUALITY' });

    for (const phone of [newContact, hasWritten, wasReached])
      await enqueue(messages, newMessage(companyId, { phone }));
    expect(await claimNext(messages, lease)).toMatchObject({ phone: hasWritten });
    expect(await claimNext(messages, lease)).toMatchObject({ phone: wasReached });
    const claim = await messages.claim(lease, { limits: undefined, gapMs: 0, maxAttempts: 3 });
    if (claim.message !== undefined) throw new Error('Message to a new contact claimed');
    const { dueInMs } = claim;
    expect(dueInMs).toBeGreaterThan(hourMs);
    expect(dueInMs).toBeLessThanOrEqual(hourMs + 10_000);
    await clock.advance(dueInMs ?? 0);
    expect(await claimNext(messages, lease)).toMatchObject({ phone: newContact });
  });

  it('treats the recipient of a failed message as a new contact', async () => {
    const { companyId, lease } = await leasedCompany(store);
    const { messages, restrictions } = store.repositories;
    const phone = newPhone();
    const first = await enqueue(messages, newMessage(companyId, { phone }));
    await claimNext(messages, lease);
    await messages.advance(companyId, first.whatsappMessageId, 'failed', '479');
    await restrictions.record(companyId, { ...asked, result: 'locked' });
    await enqueue(messages, newMessage(companyId, { phone }));
    expect(await claimNext(messages, lease)).toBeUndefined();
  });

  it('lasts a day when WhatsApp names no end, and at most 30 days', async () => {
    const { restrictions } = store.repositories;
    const durationMs = async (endsAt?: Date) => {
      const { companyId } = await linkedCompany();
      await restrictions.record(companyId, { ...asked, result: 'locked', ...(endsAt && { endsAt }) });
      return ((await restrictions.current(companyId))?.endsAt.getTime() ?? 0) - Date.now();
    };
    const withoutEnd = await durationMs();
    expect(withoutEnd).toBeGreaterThan(dayMs - minuteMs);
    expect(withoutEnd).toBeLessThan(dayMs + minuteMs);
    expect(await durationMs(new Date(Date.now() + 400 * dayMs))).toBeLessThan(30 * dayMs + minuteMs);
    expect(await durationMs(new Date(Date.now() - hourMs))).toBeLessThan(0);
  });

  it('is not shortened by an announcement without end, for which Baileys sets one minute', async () => {
    const { companyId } = await linkedCompany();
    const { restrictions } = store.repositories;
    await restrictions.record(companyId, {
      ...asked,
      result: 'locked',
      endsAt: new Date(Date.now() + 3 * dayMs),
    });
    const before = await restrictions.current(companyId);
    for (const agoMs of [-minuteMs, 10_000, hourMs]) {
      const announcement = {
        source: 'announced',
        result: 'locked',
        endsAt: new Date(Date.now() - agoMs),
      } as const;
      expect(await restrictions.record(companyId, announcement)).toEqual({
        change: undefined,
        endsAt: undefined,
      });
    }
    expect(await restrictions.current(companyId)).toEqual(before);
    const earlier = new Date(Date.now() + dayMs);
    await restrictions.record(companyId, { source: 'announced', result: 'locked', endsAt: earlier });
    expect((await restrictions.current(companyId))?.endsAt).toEqual(new Date(earlier.getTime() + 10_000));
  });

  it.each(['announced', 'asked'] as const)(
    'continues when WhatsApp reports it (%s) with an end in the past',
    async (source) => {
      const { companyId, lease, clock } = await linkedCompany();
      const { events, messages, restrictions } = store.repositories;
      const endsAt = new Date(Date.now() + hourMs);
      await restrictions.record(companyId, { ...asked, result: 'locked', endsAt });
      await enqueue(messages, newMessage(companyId));
      await clock.advance(hourMs + 15_000);
      const recorded = await restrictions.record(companyId, {
        source,
        result: 'locked',
        endsAt: new Date(Date.now() - 15_000),
      });
      expect(recorded.change).toBeUndefined();
      expect(await restrictions.current(companyId)).toMatchObject({ source: 'asked' });
      expect(await claimNext(messages, lease)).toBeUndefined();
      await clock.advance(minuteMs + 51_000);
      expect(await restrictions.due(dayMs)).toContain(companyId);
      await restrictions.record(companyId, { ...asked, result: 'free' });
      const eventTypes = (await events.latest(companyId, 20)).map(({ type }) => type);
      expect(eventTypes.filter((type) => type.startsWith('whatsapp_restrict'))).toEqual([
        'whatsapp_restriction_ended',
        'whatsapp_restricted',
      ]);
    },
  );

  it('starts with an announcement without end and becomes due for a query', async () => {
    const { companyId, lease } = await linkedCompany();
    const { messages, restrictions } = store.repositories;
    await enqueue(messages, newMessage(companyId));
    const announcement = { source: 'announced', result: 'locked' } as const;
    await restrictions.record(companyId, { ...announcement, endsAt: new Date(Date.now() - 10_000) });
    expect(await claimNext(messages, lease)).toBeUndefined();
    expect(await restrictions.due(dayMs)).toContain(companyId);
    const endsAt = new Date(Date.now() + hourMs);
    expect(await restrictions.record(companyId, { ...asked, result: 'locked', endsAt })).toMatchObject({
      change: 'began',
    });
    expect(await restrictions.current(companyId)).toMatchObject({ source: 'asked' });
  });

  it.each(['another number', 'another installation'])(
    'treats known contacts as new ones after %s',
    async (what) => {
      const { companyId, lease, clock } = await linkedCompany();
      const { companies, contacts, messages, restrictions } = store.repositories;
      const [hadWritten, wasReached, writes] = [newPhone(), newPhone(), newPhone()];
      await companies.recordSession(companyId, { state: 'connected', phone: '+79001112233' });
      const first = await enqueue(messages, newMessage(companyId, { phone: wasReached }));
      expect(await claimNext(messages, lease)).toMatchObject({ id: first.id });
      await messages.advance(companyId, first.whatsappMessageId, 'delivered');
      await contacts.received(companyId, hadWritten);
      // The same number keeps its contacts when linked again.
      await companies.recordSession(companyId, { state: 'logged_out' });
      await companies.recordSession(companyId, { state: 'connected', phone: '+79001112233' });
      await restrictions.record(companyId, { ...asked, result: 'locked' });
      for (const phone of [hadWritten, wasReached]) {
        await enqueue(messages, newMessage(companyId, { phone }));
        expect(await claimNext(messages, lease)).toMatchObject({ phone });
      }

      await clock.advance(minuteMs);
      if (what === 'another number')
        await companies.recordSession(companyId, { state: 'connected', phone: '+79009998877' });
      else
        for (const status of ['uninstalled', 'pending_whatsapp'] as const)
          await companies.transitionIntegration(companyId, status, 'test');
      await restrictions.record(companyId, { ...asked, result: 'locked' });
      await contacts.received(companyId, writes);
      for (const phone of [hadWritten, wasReached, writes])
        await enqueue(messages, newMessage(companyId, { phone }));
      expect(await claimNext(messages, lease)).toMatchObject({ phone: writes });
      expect(await claimNext(messages, lease)).toBeUndefined();
    },
  );

  it('records an event at its start, when its end moves, and at its end', async () => {
    const { companyId } = await linkedCompany();
    const { events, restrictions } = store.repositories;
    const record = (result: 'locked' | 'free', endsAt?: Date) =>
      restrictions.record(companyId, { source: 'announced', result, ...(endsAt && { endsAt }) });
    const soon = new Date(Date.now() + hourMs);
    const later = new Date(Date.now() + 2 * hourMs);
    const changes = [
      await record('free'),
      await record('locked', soon),
      await record('locked', soon),
      await record('locked', later),
      await record('free'),
      await record('free'),
    ];
    expect(changes.map(({ change }) => change)).toEqual([
      undefined,
      'began',
      undefined,
      'began',
      'ended',
      undefined,
    ]);
    const eventCauses = (await events.latest(companyId, 10)).map(({ type, cause }) => `${type} ${cause}`);
    expect(eventCauses.slice(0, 3)).toEqual([
      'whatsapp_restriction_ended whatsapp:announced',
      'whatsapp_restricted whatsapp:announced',
      'whatsapp_restricted whatsapp:announced',
    ]);
  });

  it('is listed and counted while it lasts, and due for a query at its end', async () => {
    const { companyId, clock } = await linkedCompany();
    const { restrictions } = store.repositories;
    const before = await restrictions.count();
    await restrictions.record(companyId, {
      ...asked,
      result: 'locked',
      endsAt: new Date(Date.now() + hourMs),
      kind: 'WEB_COMPANION_ONLY',
    });
    expect(await restrictions.count()).toBe(before + 1);
    const [latest] = await restrictions.latest(1);
    expect(latest).toMatchObject({ companyId, kind: 'WEB_COMPANION_ONLY', source: 'asked' });
    expect(await restrictions.due(minuteMs)).not.toContain(companyId);
    await clock.advance(hourMs + 1_000);
    expect(await restrictions.due(minuteMs)).toContain(companyId);
    await clock.advance(10_000);
    expect(await restrictions.current(companyId)).toBeUndefined();
    expect(await restrictions.count()).toBe(before);
  });

  it('is listed only while the number is linked', async () => {
    const { companyId } = await linkedCompany();
    const { companies, restrictions } = store.repositories;
    await restrictions.record(companyId, { ...asked, result: 'locked' });
    const count = await restrictions.count();
    const shown = async () => ({
      own: (await restrictions.current(companyId)) !== undefined,
      listed: (await restrictions.latest(500)).some((restriction) => restriction.companyId === companyId),
      counted: (await restrictions.count()) === count,
    });
    const everywhere = { own: true, listed: true, counted: true };
    const nowhere = { own: false, listed: false, counted: false };
    for (const [state, expected] of [
      ['reconnecting', everywhere],
      ['banned', everywhere],
      ['logged_out', nowhere],
      ['pairing', nowhere],
      ['qr_expired', nowhere],
      ['connected', everywhere],
    ] as const) {
      await companies.recordSession(companyId, { state });
      expect([state, await shown()]).toEqual([state, expected]);
    }
  });

  it.each(['another phone', 'an uninstallation'])('ends with %s', async (what) => {
    const { companyId } = await linkedCompany();
    const { companies, restrictions } = store.repositories;
    await companies.recordSession(companyId, { state: 'connected', phone: '+79001112233' });
    await restrictions.record(companyId, { ...asked, result: 'locked' });
    await companies.recordSession(companyId, { state: 'reconnecting' });
    await companies.recordSession(companyId, { state: 'connected', phone: '+79001112233' });
    expect(await restrictions.current(companyId)).toBeDefined();
    await (what === 'another phone'
      ? companies.recordSession(companyId, { state: 'connected', phone: '+79009998877' })
      : companies.transitionIntegration(companyId, 'uninstalled', 'test'));
    expect(await restrictions.current(companyId)).toBeUndefined();
  });
});
