import { DateTime } from 'luxon';
import type { Salon } from './salon.ts';

type ClientInput = Readonly<{ name: string; phone: string; email?: string }>;

export type BookingInput = Readonly<{
  /** null: an anonymous booking. */
  client: ClientInput | null;
  /** Title or titles. */
  service: string | readonly string[];
  /** null: any staff member. */
  staff: string | null;
  /** Local time of the salon, `YYYY-MM-DD HH:mm:ss`. */
  start: string;
  online?: boolean;
  comment?: string;
  lengthSeconds?: number;
}>;

export type RecordStatus = 'create' | 'update' | 'delete';

/** Format of a record, where the documents and captured webhooks differ. */
export type RecordFormat = Readonly<{
  flags: 'int' | 'bool';
  /** Instead of the salon's true offset, such as `+00:00`. */
  datetimeOffset?: string;
}>;

/** A booking on the platform. */
export class SimulatedRecord {
  readonly id: number;
  readonly salon: Salon;
  readonly #createdAt: number;
  #input: BookingInput;
  #changedAt: number;
  #attendance = 0;
  #deleted = false;

  constructor(id: number, salon: Salon, input: BookingInput, now: number) {
    this.id = id;
    this.salon = salon;
    this.#input = input;
    this.#createdAt = now;
    this.#changedAt = now;
  }

  get start(): string {
    return this.#input.start;
  }

  get changedAt(): number {
    return this.#changedAt;
  }

  get deleted(): boolean {
    return this.#deleted;
  }

  change(changes: Partial<BookingInput>, now: number): void {
    this.#input = { ...this.#input, ...changes };
    this.#changedAt = now;
  }

  /** 2 confirmed by the client, 1 came, 0 waiting, -1 did not come. */
  setAttendance(attendance: number, now: number): void {
    this.#attendance = attendance;
    this.#changedAt = now;
  }

  cancel(now: number): void {
    this.#deleted = true;
    this.#changedAt = now;
  }

  /** `data` of a webhook. */
  body(form: RecordFormat) {
    const flag = (value: boolean) => (form.flags === 'bool' ? value : Number(value));
    const { online = true, comment = '', lengthSeconds = 3600, start } = this.#input;
    const offset = form.datetimeOffset ?? parseLocalTime(start, this.salon.zone).toFormat('ZZ');
    const visitId = this.id - 110_000_000;
    return {
      id: this.id,
      company_id: this.salon.id,
      staff_id: this.#staff()?.id ?? 0,
      clients_count: this.#input.client === null ? 0 : 1,
      date: start,
      datetime: `${start.replace(' ', 'T')}${offset}`,
      create_date: this.#formatTime(this.#createdAt),
      last_change_date: this.#formatTime(this.#changedAt),
      comment,
      online,
      visit_id: visitId,
      visit_attendance: this.#attendance,
      attendance: this.#attendance,
      confirmed: 1,
      seance_length: lengthSeconds,
      length: lengthSeconds,
      sms_before: 0,
      sms_now: flag(false),
      sms_now_text: '',
      email_now: 0,
      notified: 0,
      master_request: 0,
      api_id: '',
      from_url: '',
      review_requested: 0,
      created_user_id: 0,
      deleted: this.#deleted,
      paid_full: flag(false),
      prepaid: false,
      prepaid_confirmed: false,
      is_update_blocked: false,
      activity_id: 0,
      bookform_id: 0,
      record_from: '',
      is_mobile: flag(false),
      services: this.#services(),
      staff: this.#staff(),
      client: this.#client(),
      goods_transactions: [],
      custom_fields: [],
      custom_color: '',
      custom_font_color: '',
      record_labels: [],
      documents: [this.#document(visitId)],
      sms_remain_hours: 24,
      email_remain_hours: 24,
      comer: null,
      comer_person_info: null,
      short_link: 'https://s.example/x/',
      composite: [],
    };
  }

  /** `data` of `GET /record`: there `date` is ISO with an offset (developer.alteg.io, appointments). */
  restBody(form: Pick<RecordFormat, 'datetimeOffset'> = {}) {
    const body = this.body({ ...form, flags: 'bool' });
    return { ...body, date: body.datetime };
  }

  #services() {
    const titles = typeof this.#input.service === 'string' ? [this.#input.service] : this.#input.service;
    return titles.map((title) => ({
      id: serviceId(this.salon, title),
      title,
      cost: 2500,
      cost_to_pay: 2500,
      manual_cost: 2500,
      cost_per_unit: 2500,
      discount: 0,
      first_cost: 2500,
      amount: 1,
    }));
  }

  #staff() {
    const { staff } = this.#input;
    if (staff === null) return null;
    return {
      id: deterministicId(33_000, staff),
      api_id: null,
      name: staff,
      specialization: 'Мастер',
      position: { id: 101, title: 'Мастер', services_binding_type: 0 },
      avatar: 'https://cdn.example/a.png',
      avatar_big: 'https://cdn.example/b.png',
      rating: 5,
      votes_count: 0,
    };
  }

  #client() {
    const { client } = this.#input;
    if (client === null) return null;
    return {
      id: deterministicId(660_000_000, client.phone + client.name),
      name: client.name,
      surname: '',
      patronymic: '',
      display_name: client.name,
      phone: client.phone,
      email: client.email ?? '',
      card: '',
      comment: '',
      discount: 0,
      sex: 2,
      birthday: '',
      success_visits_count: 3,
      fail_visits_count: 0,
      custom_fields: [],
      client_tags: [],
    };
  }

  #document(visitId: number) {
    return {
      id: 99_001,
      type_id: 7,
      storage_id: 0,
      user_id: 0,
      company_id: this.salon.id,
      number: 99_001,
      comment: '',
      date_created: DateTime.fromMillis(this.#createdAt, { zone: this.salon.zone }).toFormat(
        'yyyy-MM-dd HH:mm:ss',
      ),
      category_id: 0,
      visit_id: visitId,
      record_id: this.id,
      type_title: 'Visit',
      is_sale_bill_printed: false,
    };
  }

  /** Offsets of change dates have no colon. */
  #formatTime(at: number): string {
    return DateTime.fromMillis(at, { zone: this.salon.zone }).toFormat("yyyy-MM-dd'T'HH:mm:ssZZZ");
  }
}

/** Reads the naive local time that the platform writes. */
function parseLocalTime(naive: string, zone: string): DateTime {
  const time = DateTime.fromFormat(naive, 'yyyy-MM-dd HH:mm:ss', { zone });
  if (!time.isValid) throw new RangeError(`Not a time of the form YYYY-MM-DD HH:mm:ss: ${naive}`);
  return time;
}

export function serviceId(salon: Salon, title: string): number {
  const index = salon.profile.services?.indexOf(title) ?? -1;
  return index === -1 ? deterministicId(45_000, title) : 44_001 + index;
}

/** Deterministic number for a text. */
function deterministicId(base: number, text: string): number {
  return (
    base +
    (Array.from(text).reduce((hash, letter) => (hash * 31 + (letter.codePointAt(0) ?? 0)) % 9973, 7) + 1)
  );
}
