import { createHmac } from 'node:crypto';
import type { Credentials } from './platform-api.ts';
import { platformTime, type Salon } from './salon.ts';
import type { Delivery } from './webhook-sender.ts';

export type LifecycleOptions = Readonly<{ partnerToken?: string | null }>;

export type PaymentInput = Readonly<{ amount: number; discount?: number; days?: number }>;

type LifecycleEvent = 'uninstall' | 'freeze' | 'payment';

const dayMs = 86_400_000;

/** Lifecycle of an installation after activation, and its webhooks. */
export class Lifecycle {
  readonly #credentials: Credentials;
  readonly #now: () => number;
  readonly #post: (body: unknown) => Promise<Delivery>;
  #payments = 9000;

  constructor(credentials: Credentials, now: () => number, post: (body: unknown) => Promise<Delivery>) {
    this.#credentials = credentials;
    this.#now = now;
    this.#post = post;
  }

  async uninstall(salon: Salon, options: LifecycleOptions = {}): Promise<Delivery> {
    if (hasValidToken(options)) salon.uninstall(this.#now());
    return await this.#send('uninstall', salon, options);
  }

  async freeze(salon: Salon, options: LifecycleOptions = {}): Promise<Delivery> {
    if (hasValidToken(options)) salon.freeze(this.#now());
    return await this.#send('freeze', salon, options);
  }

  async pay(salon: Salon, payment: PaymentInput, options: LifecycleOptions = {}): Promise<Delivery> {
    const now = this.#now();
    const { amount, discount = null, days = 30 } = payment;
    this.#payments += 1;
    const id = this.#payments;
    const paidAt = platformTime(now);
    const period = { period_from: paidAt, period_to: platformTime(now + days * dayMs) };
    if (hasValidToken(options)) {
      salon.pay({ id, payment_sum: amount, payment_date: paidAt, is_refunded: false, ...period }, now);
    }
    const signed = `salon_id=${salon.id}&amount=${amount}${discount === null ? '' : `&discount=${discount}`}`;
    return await this.#send('payment', salon, options, {
      payment_id: id,
      amount,
      currency_iso: 'RUB',
      discount,
      ...period,
      payment_date: paidAt,
      tariff_option_id: 31,
      sign: createHmac('sha256', this.#credentials.partnerToken).update(signed).digest('hex'),
    });
  }

  async #send(
    event: LifecycleEvent,
    salon: Salon,
    { partnerToken = this.#credentials.partnerToken }: LifecycleOptions,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<Delivery> {
    return await this.#post({
      salon_id: salon.id,
      application_id: this.#credentials.applicationId,
      event,
      ...(partnerToken === null ? {} : { partner_token: partnerToken }),
      ...more,
    });
  }
}

function hasValidToken({ partnerToken }: LifecycleOptions): boolean {
  return partnerToken === undefined;
}
