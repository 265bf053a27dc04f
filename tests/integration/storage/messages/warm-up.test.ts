import { describe, expect, it } from 'vitest';
import type { PacingLimits } from '../../../../src/domain/notification/pacing.ts';
import { leasedCompany } from '../../../support/fixtures/leased-company.ts';
import {
  claimNext,
  enqueue,
  newCompany,
  newMessage,
  newPhone,
  useStore,
} from '../../../support/fixtures/storage.ts';
import { engines } from '../../../support/fixtures/engines.ts';

const dayMs = 24 * 60 * 60_000;
const [number, otherNumber] = ['+79001112233', '+79009998877'];
const limits: PacingLimits = {
  perMinute: 100,
  perHour: 100,
  perDay: 100,
  firstContactsPerDay: 3,
  warmUpFirstContactsPerDay: 1,
  warmUpDays: 10,
  rampMs: 0,
};

describe.each(engines())('the warm-up of a number in $name', ({ make }) => {
  const store = useStore(make);

  /** A salon whose number has been linked for long and has written to somebody. */
  const warmSalon = async () => {
    const { companies, messages } = store.repositories;
    const { companyId, lease, clock } = await leasedCompany(store);
    const connect = (phone: string) => companies.recordSession(companyId, { state: 'connected', phone });
    const known = newPhone();
    const sends = async (phones: readonly string[]): Promise<string[]> => {
      for (const phone of phones) await enqueue(messages, newMessage(companyId, { phone }));
      const sent: string[] = [];
      for (let next = await claimNext(messages, lease, { limits }); next !== undefined;) {
        await messages.advance(companyId, next.whatsappMessageId, 'sent');
        sent.push(next.phone);
        next = await claimNext(messages, lease, { limits });
      }
      return sent;
    };
    await connect(number);
    expect(await sends([known, newPhone()])).toEqual([known]);
    await clock.advance(11 * dayMs);
    await sends([]);
    await clock.advance(2 * dayMs);
    const again = {
      'at once': async () => {},
      'after a logout': async () => {
        await companies.recordSession(companyId, { state: 'logged_out' });
      },
      'after a reinstallation': async () => {
        const company = await companies.byId(companyId);
        if (company === undefined) throw new Error('The company is there');
        await companies.transitionIntegration(companyId, 'uninstalled', 'test');
        await companies.createOrFind(newCompany({ salonId: company.salonId }));
      },
    } as const;
    return { known, sends, clock, connect, again };
  };

  it.each(['at once', 'after a logout', 'after a reinstallation'] as const)(
    'begins with another number, linked %s, to which everybody is a stranger',
    async (when) => {
      const { known, sends, clock, connect, again } = await warmSalon();
      await again[when]();
      await connect(otherNumber);
      const strangers = [newPhone(), newPhone(), newPhone()];
      expect(await sends([known, ...strangers])).toEqual([known]);
      await clock.advance(1.01 * dayMs);
      expect(await sends([])).toEqual(strangers.slice(0, 1));
      await clock.advance(9 * dayMs);
      expect(await sends([newPhone()])).toHaveLength(3);
    },
  );

  it.each(['at once', 'after a logout', 'after a reinstallation'] as const)(
    'does not begin again with the same number, linked %s',
    async (when) => {
      const { known, sends, connect, again } = await warmSalon();
      await again[when]();
      await connect(number);
      const strangers = [newPhone(), newPhone(), newPhone(), newPhone()];
      expect(await sends([...strangers, known])).toEqual([...strangers.slice(0, 3), known]);
    },
  );
});
