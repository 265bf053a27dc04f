import { describe, expect, it, vi } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const minuteMs = 60_000;

/** A world whose clock moves when told. */
async function worldWithClock() {
  const clock = { offsetMs: 0 };
  const world = await SessionWorld.start();
  return { world, clock, now: () => new Date(Date.now() + clock.offsetMs) };
}

describe('memory growth: a session that nobody links', () => {
  it('is closed and forgotten after 30 minutes, with its half-made credentials, and can be linked anew', async () => {
    const { world, clock, now } = await worldWithClock();
    await using _ = world;
    const host = world.host({ now });
    await host.manager.requestPairingCode(world.company, world.salon.number);
    await waitFor('half-made credentials', async () => (await host.rows.companies()).length === 1);
    clock.offsetMs = 29 * minuteMs;
    await host.manager.forgetUnlinked();
    expect(host.manager.countByState()).toEqual({ pairing: 1 });

    clock.offsetMs = 31 * minuteMs;
    await host.manager.forgetUnlinked();
    expect(host.manager.countByState()).toEqual({});
    expect(host.manager.getSessionStatus(world.company).state).toBe('idle');
    expect(host.states).toEqual(['pairing', 'idle']);
    expect(world.leases.holderOf(world.company)).toBeUndefined();
    await expect(host.rows.companies()).resolves.toEqual([]);
    await waitFor('the socket to close', () => world.happened('disconnected') === 1);

    await host.link(world.company, world.salon);
    expect(world.happened('login refused')).toBe(0);
  });

  it('keeps its last word when its codes ran out, and its memory goes', async () => {
    const { world, clock, now } = await worldWithClock();
    await using _ = world;
    const host = world.host({ now, timings: { qrLifetimeMs: 100 } });
    await host.manager.generateQRForCompany(world.company);
    await host.reaches(world.company, 'qr_expired');
    clock.offsetMs = 31 * minuteMs;
    await Promise.all([host.manager.forgetUnlinked(), host.manager.forgetUnlinked()]);
    expect(host.manager.countByState()).toEqual({});
    expect(host.states.at(-1)).toBe('qr_expired');
  });

  it('is held by no instance when the store fails at the end of it, whether it rested or ran, and goes the next time', async () => {
    const { world, clock, now } = await worldWithClock();
    await using _ = world;
    const host = world.host({ now, timings: { qrLifetimeMs: 100 } });
    const [rested, running] = [world.company, companyIdFrom(8)];
    await host.manager.generateQRForCompany(rested);
    await host.reaches(rested, 'qr_expired');
    expect(world.leases.holderOf(rested)).toBeUndefined();
    await host.manager.requestPairingCode(running, world.salon.number);
    expect(world.leases.holderOf(running)).toBe('instance-a');

    const writing = vi.spyOn(host.rows, 'write').mockRejectedValue(new Error('disk full'));
    clock.offsetMs = 31 * minuteMs;
    await host.manager.forgetUnlinked();
    expect(writing).toHaveBeenCalled();
    expect(world.leases.holderOf(rested)).toBeUndefined();
    expect(world.leases.holderOf(running)).toBeUndefined();
    expect(host.manager.countByState()).toEqual({ qr_expired: 1, idle: 1 });
    await waitFor('the socket to close', () => world.happened('disconnected') === 2);

    writing.mockRestore();
    clock.offsetMs = 62 * minuteMs;
    await host.manager.forgetUnlinked();
    expect(host.manager.countByState()).toEqual({});
    await host.link(running, world.salon);
  });

  it('that is linked is left alone, however long it has been', async () => {
    const { world, clock, now } = await worldWithClock();
    await using _ = world;
    const host = world.host({ now });
    await host.link(world.company, world.salon);
    clock.offsetMs = 24 * 60 * minuteMs;
    await host.manager.forgetUnlinked();
    expect(host.manager.countByState()).toEqual({ connected: 1 });
    await host.manager.sendMessage(world.company, world.client.number, 'ещё здесь');
    await world.client.waitForMessage(({ text }) => text === 'ещё здесь');
  });

  it('that somebody asks to link in that very moment is linked', async () => {
    const { world, clock, now } = await worldWithClock();
    await using _ = world;
    const host = world.host({ now, timings: { qrLifetimeMs: 100 } });
    await host.manager.generateQRForCompany(world.company);
    await host.reaches(world.company, 'qr_expired');
    clock.offsetMs = 31 * minuteMs;
    const [, code] = await Promise.all([
      host.manager.forgetUnlinked(),
      host.manager.generateQRForCompany(world.company),
    ]);
    expect(host.manager.countByState()).toEqual({ pairing: 1 });
    await world.salon.scan(code.text);
    await host.reaches(world.company, 'connected');
  });

  it('is one of a bounded number: who comes when all places are taken is told to wait, and is let in later', async () => {
    await using world = await SessionWorld.start();
    const host = world.host({ timings: { pairingsAtOnce: 2 } });
    const [first, second, third] = [companyIdFrom(1), companyIdFrom(2), companyIdFrom(3)];
    const asked = await Promise.allSettled(
      [first, second, third].map((companyId) => host.manager.generateQRForCompany(companyId)),
    );
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(asked[2]).toMatchObject({ reason: { code: 'RATE_LIMIT', retryAfterSeconds: 30 } });
    await expect(host.manager.generateQRForCompany(first)).resolves.toMatchObject({ sequence: 1 });
    expect(world.happened('registration')).toBe(2);

    await host.link(first, world.salon);
    await host.manager.generateQRForCompany(third);
    expect(host.manager.countByState()).toEqual({ connected: 1, pairing: 2 });
  });

  it('takes no place while it waits to try again after a refused client version', async () => {
    await using world = await SessionWorld.start();
    const host = world.host({ timings: { pairingsAtOnce: 1 } });
    const [waiting, first, second] = [companyIdFrom(1), companyIdFrom(2), companyIdFrom(3)];
    world.whatsapp.refuseLogins(405);
    await host.manager.createNewSession(waiting);
    await waitFor('the refusal', () => host.manager.getSessionStatus(waiting).detail === '405');
    expect(host.manager.getSessionStatus(waiting).state).toBe('pairing');

    world.whatsapp.refuseLogins(undefined);
    await host.manager.generateQRForCompany(first);
    await expect(host.manager.generateQRForCompany(second)).rejects.toMatchObject({ code: 'RATE_LIMIT' });
    // It is under way already: nobody is told that there are too many.
    await host.manager.createNewSession(waiting);
    await host.link(first, world.salon);
  });
});
