import { describe, expect, it } from 'vitest';
import type { PacingLimits } from '../../../../src/domain/notification/pacing.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { leasedCompany } from '../../../support/fixtures/leased-company.ts';
import {
  claimNext,
  enqueue,
  newCompany,
  newMessage,
  newPhone,
  useStore,
} from '../../../support/fixtures/storage.ts';

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

describe.each(engines())('warm-up in $name', ({ make }) => {
  const store = useStore(make);

  /** A salon past its warm-up, with one known contact. */
  const warmSalon = async () => {
    const { companies, messages } = store.repositories;
    const { companyId, lease, clock } = await leasedCompany(store);
    const connect = (phone: string) => companies.recordSession(companyId, { state: 'connected', phone });
    const knownContact = newPhone();
    const send = async (phones: readonly string[]): Promise<string[]> => {
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
    expect(await send([knownContact, newPhone()])).toEqual([knownContact]);
    await clock.advance(11 * dayMs);
    await send([]);
    await clock.advance(2 * dayMs);
    const prepareLink = {
      'at once': async () => {},
      'after a logout': async () => {
        await companies.recordSession(companyId, { state: 'logged_out' });
      },
      'after a reinstallation': async () => {
        const company = await companies.byId(companyId);
        if (company === undefined) throw new Error('Company not found');
        await companies.transitionIntegration(companyId, 'uninstalled', 'test');
        await companies.createOrFind(newCompany({ salonId: company.salonId }));
      },
    } as const;
    return { knownContact, send, clock, connect, prepareLink };
  };

  it.each(['at once', 'after a logout', 'after a reinstallation'] as const)(
    'restarts and forgets known contacts for another number linked %s',
    async (when) => {
      const { knownContact, send, clock, connect, prepareLink } = await warmSalon();
      await prepareLink[when]();
      await connect(otherNumber);
      const newContacts = [newPhone(), newPhone(), newPhone()];
      expect(await send([knownContact, ...newContacts])).toEqual([knownContact]);
      await clock.advance(1.01 * dayMs);
      expect(await send([])).toEqual(newContacts.slice(0, 1));
      await clock.advance(9 * dayMs);
      expect(await send([newPhone()])).toHaveLength(3);
    },
  );

  it.each(['at once', 'after a logout', 'after a reinstallation'] as const)(
    'does not restart for the same number linked %s',
    async (when) => {
      const { knownContact, send, connect, prepareLink } = await warmSalon();
      await prepareLink[when]();
      await connect(number);
      const newContacts = [newPhone(), newPhone(), newPhone(), newPhone()];
      expect(await send([...newContacts, knownContact])).toEqual([...newContacts.slice(0, 3), knownContact]);
    },
  );
});
