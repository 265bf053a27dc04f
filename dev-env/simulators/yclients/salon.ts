import { DateTime } from 'luxon';

export type InstallationStatus = 'uninstalled' | 'pending' | 'active' | 'freezed';

export type Owner = Readonly<{ id: number; name: string; email: string; phone: string }>;

export type SalonProfile = Readonly<{
  id: number;
  title: string;
  shortDescription?: string;
  businessTypeId?: number;
  /** IANA name; undefined leaves the field out of the company. */
  timeZone?: string | undefined;
  phone?: string;
  city?: string;
  /** Titles; numbers are given in this order. */
  services?: readonly string[];
  owner?: Owner;
}>;

export type Activation = Readonly<{
  apiKey: string | undefined;
  webhookUrls: readonly string[];
  channels: readonly string[];
}>;

type Transition = Readonly<{
  changed_at: string;
  status_from: InstallationStatus;
  status_to: InstallationStatus;
  source: 'marketplace' | 'partner_api' | 'system';
}>;

export type Payment = Readonly<{
  id: number;
  payment_sum: number;
  payment_date: string;
  is_refunded: boolean;
  period_from: string;
  period_to: string;
}>;

const consentWindowMs = 3_600_000;
const noActivation: Activation = { apiKey: undefined, webhookUrls: [], channels: [] };

/** A salon and its installation of the simulator's only application. */
export class Salon {
  readonly profile: SalonProfile;
  readonly transitions: Transition[] = [];
  readonly payments: Payment[] = [];
  /** True when the application requested and received the right to edit records. */
  mayEditRecords = true;
  #status: InstallationStatus = 'uninstalled';
  #consentAt: number | undefined;
  #activation = noActivation;

  constructor(profile: SalonProfile) {
    this.profile = profile;
  }

  get id(): number {
    return this.profile.id;
  }

  get status(): InstallationStatus {
    return this.#status;
  }

  /** Time of the last consent, epoch milliseconds. */
  get consentAt(): number | undefined {
    return this.#consentAt;
  }

  /** Data that the application sent at activation. */
  get activation(): Activation {
    return this.#activation;
  }

  /** Time zone that the platform uses, also when the company response omits it. */
  get zone(): string {
    return this.profile.timeZone ?? 'Europe/Moscow';
  }

  /** The owner presses "Подключить"; an existing installation does not change. */
  consent(now: number): void {
    if (this.#status === 'active' || this.#status === 'freezed') return;
    this.#consentAt = now;
    if (this.#status === 'uninstalled') this.#move('pending', 'marketplace', now);
  }

  /** @returns the reason of a refusal, undefined when the application is active now */
  activate(activation: Activation, now: number): string | undefined {
    if (this.#status === 'active' || this.#status === 'freezed') {
      return 'Пользователь уже установил это приложение.';
    }
    const expired = this.#consentAt === undefined || now - this.#consentAt > consentWindowMs;
    if (this.#status === 'uninstalled' || expired) {
      return 'Подключение не подтверждено пользователем или истекло.';
    }
    this.#activation = activation;
    this.#move('active', 'partner_api', now);
    return undefined;
  }

  /** The owner edits the list of addresses by hand. */
  editWebhookUrls(webhookUrls: readonly string[]): void {
    this.#activation = { ...this.#activation, webhookUrls };
  }

  /** The platform sends no webhook for it. */
  unfreeze(now: number): void {
    this.#move('active', 'system', now);
  }

  freeze(now: number): void {
    if (this.#status !== 'active') throw new Error(`Salon ${this.id} is ${this.#status}: nothing to freeze`);
    this.#move('freezed', 'system', now);
  }

  /** Only a payment ends a freeze. */
  pay(payment: Payment, now: number): void {
    this.payments.push(payment);
    if (this.#status === 'freezed') this.#move('active', 'system', now);
  }

  uninstall(now: number): void {
    if (this.#status === 'uninstalled') throw new Error(`Salon ${this.id} has not installed the application`);
    this.#consentAt = undefined;
    this.#activation = noActivation;
    this.#move('uninstalled', 'marketplace', now);
  }

  #move(to: InstallationStatus, source: Transition['source'], now: number): void {
    this.transitions.push({
      changed_at: platformTime(now),
      status_from: this.#status,
      status_to: to,
      source,
    });
    this.#status = to;
  }
}

/** `Y-m-d H:i:s` without a zone, as in all marketplace answers. */
export function platformTime(now: number): string {
  return DateTime.fromMillis(now, { zone: 'Europe/Moscow' }).toFormat('yyyy-MM-dd HH:mm:ss');
}
