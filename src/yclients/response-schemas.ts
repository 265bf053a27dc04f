import joi from 'joi';
import { AppError } from '../domain/errors/app-error.ts';
import type { SalonId } from '../domain/ids.ts';
import type { ApplicationStatus, SalonInfo } from '../ports/yclients.ts';

/** The platform understood the request and said no. Carries its own short sentence, with long numbers blanked. */
export class RefusalError extends Error {
  override readonly name = 'RefusalError';
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(`YCLIENTS refused with ${status}: ${sentence.slice(0, 200).replaceAll(/\d{5,}/g, '…')}`);
    this.status = status;
  }
}

/** `success` comes as a boolean, 1, "1" or not at all; `meta` as `[]`, `{}` or absent. */
type Envelope = Readonly<{ success: boolean; data: unknown; meta: Readonly<{ message: Text }> | null }>;

type Text = string | number | null;

type CompanyData = Readonly<{
  id: number;
  title: Text;
  public_title: Text;
  short_descr: Text;
  phone: Text;
  city: Text;
  timezone_name: string | null;
  business_type_id: number | null;
  business_type: Readonly<{ title: Text }> | null;
}>;

const flag = joi.boolean().truthy(1, '1').falsy(0, '0');
/** A field we can do without: any other type counts as absent. */
const text = joi.alternatives(joi.string().allow(''), joi.number().unsafe()).failover(null).default(null);

const envelopeSchema = joi
  .object<Envelope>({
    success: flag.default(true),
    data: joi.any(),
    meta: joi.object({ message: text }).unknown().failover(null).default(null),
  })
  .unknown()
  .required();

const companySchema = joi
  .object<CompanyData>({
    id: joi.number().integer().positive().required(),
    title: text,
    public_title: text,
    short_descr: text,
    phone: text,
    city: text,
    timezone_name: joi.string().custom(ianaZone).failover(null).default(null),
    business_type_id: joi.number().integer().positive().failover(null).default(null),
    business_type: joi.object({ title: text }).unknown().failover(null).default(null),
  })
  .unknown()
  .required();

const connectionSchema = joi
  .object<Readonly<{ connection_status: Readonly<{ status: ApplicationStatus }> | null }>>({
    connection_status: joi
      .object({ status: joi.valid('pending', 'active', 'freezed', 'uninstalled').required() })
      .unknown()
      .allow(null)
      .empty(joi.array().length(0))
      .default(null),
  })
  .unknown();

type Services = readonly Readonly<{ title: Text }>[];

const servicesSchema = joi
  .array<Services>()
  .items(joi.object({ title: text }).unknown())
  .required();
const bookableSchema = joi.object<Readonly<{ services: Services }>>({ services: servicesSchema }).unknown();

/** @throws AppError `UPSTREAM_ERROR` when the body is no envelope */
export function readEnvelope(body: unknown): Omit<Envelope, 'meta'> {
  return check(envelopeSchema, body, 'envelope');
}

/** The sentence of a refusal, or an empty one: what counts is the status. */
export function readSentence(body: unknown): string {
  const result = envelopeSchema.validate(body);
  return result.error === undefined ? (filled(result.value.meta?.message ?? null) ?? '') : '';
}

/** @throws AppError `UPSTREAM_ERROR` when the data are of no company, or of another one */
export function readCompany(data: unknown, salonId: SalonId): Omit<SalonInfo, 'serviceTitles'> {
  const company = check(companySchema, data, 'company');
  if (company.id !== salonId) throw unusable('company', 'it describes another salon');
  return {
    id: salonId,
    title: filled(company.title) ?? filled(company.public_title) ?? '',
    shortDescription: filled(company.short_descr) ?? '',
    phone: filled(company.phone),
    city: filled(company.city),
    timeZone: company.timezone_name ?? undefined,
    businessTypeId: company.business_type_id ?? undefined,
    businessTypeTitle: filled(company.business_type?.title ?? null),
  };
}

/** Empty data mean that the salon never installed the application. @throws AppError `UPSTREAM_ERROR` */
export function readApplicationStatus(data: unknown): ApplicationStatus {
  if (data === null || data === undefined || (Array.isArray(data) && data.length === 0)) return 'uninstalled';
  return check(connectionSchema, data, 'connection status').connection_status?.status ?? 'uninstalled';
}

/** `data` is `{services: […]}`, or the list itself in older answers. @throws AppError `UPSTREAM_ERROR` */
export function readServiceTitles(data: unknown): string[] {
  const services: Services = Array.isArray(data)
    ? check(servicesSchema, data, 'services')
    : check(bookableSchema, data, 'services').services;
  return services.flatMap(({ title }) => filled(title) ?? []);
}

const webhookSettingsSchema = joi
  .object<Readonly<{ urls: readonly string[]; active: boolean; record: boolean }>>({
    urls: joi.array().items(joi.string()).default([]),
    active: flag.default(true),
    record: flag.default(true),
  })
  .unknown()
  .required();

/** Empty when the salon's webhooks are off or do not tell of records. @throws AppError `UPSTREAM_ERROR` */
export function readWebhookUrls(data: unknown): readonly string[] {
  const { urls, active, record } = check(webhookSettingsSchema, data, 'webhook settings');
  return active && record ? urls : [];
}

/** @throws AppError `UPSTREAM_ERROR` */
export function readList(data: unknown, what: string): readonly unknown[] {
  return check(joi.array<readonly unknown[]>().required(), data, what);
}

/** @throws AppError `UPSTREAM_ERROR` */
export function check<Value>(schema: joi.Schema<Value>, given: unknown, what: string): Value {
  const result = schema.validate(given);
  if (result.error === undefined) return result.value;
  const { path, type } = result.error.details[0] ?? { path: [], type: 'unknown' };
  throw unusable(what, `${path.join('.') || 'the whole'} fails ${type}`);
}

/** The reason names the field and the rule, never the value. */
function unusable(what: string, reason: string): AppError {
  return new AppError('UPSTREAM_ERROR', {
    retryable: false,
    cause: new Error(`The ${what} from YCLIENTS cannot be used: ${reason}`),
  });
}

function filled(value: Text): string | undefined {
  return value === null || value === '' ? undefined : String(value);
}

/** Throws for a name that is no time zone. */
function ianaZone(name: string): string {
  Intl.DateTimeFormat('en', { timeZone: name });
  return name;
}
