import { SimulatedRecord, type BookingInput } from './record.ts';
import { Salon, type SalonProfile } from './salon.ts';

/** All salons and records that the platform keeps. */
export class PlatformStore {
  readonly #salons = new Map<number, Salon>();
  readonly #records = new Map<number, SimulatedRecord>();

  addSalon(profile: SalonProfile): Salon {
    if (this.#salons.has(profile.id)) throw new Error(`Salon ${profile.id} exists already`);
    const salon = new Salon(profile);
    this.#salons.set(salon.id, salon);
    return salon;
  }

  findSalon(id: number): Salon | undefined {
    return this.#salons.get(id);
  }

  salons(): Salon[] {
    return [...this.#salons.values()];
  }

  addRecord(salon: Salon, input: BookingInput, now: number): SimulatedRecord {
    const record = new SimulatedRecord(880_010_001 + this.#records.size, salon, input, now);
    this.#records.set(record.id, record);
    return record;
  }

  findRecord(id: number): SimulatedRecord | undefined {
    return this.#records.get(id);
  }

  recordsOf(salon: Salon): SimulatedRecord[] {
    return [...this.#records.values()].filter((record) => record.salon === salon);
  }
}
