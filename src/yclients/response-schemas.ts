import joi from 'joi';
import { AppError } from '../domain/errors/app-error.ts';
import type { SalonId } from '../domain/ids.ts';
import type { ApplicationStatus, SalonInfo } from '../ports/yclients.ts';
import { looseText, nonEmptyText, type LooseText } from './loose-text.ts';

/** YCLIENTS rejected the request. The message quotes its text with long numbers removed, since they may be phones. */
export class YclientsApiError extends Error {
  override readonly name = 'YclientsApiError';
  readonly status: number;

  constructor(status: number, detail: string) {
    super(`YCLIENTS rejected the request with ${status}: ${detail.slice(0, 200).replaceAll(/\d{5,}/g, '…')}`);
    this.status = status;
  }
}

/** `success` is a boolean, 1, "1" or absent; `meta` is `[]`, `{}` or absent. */
type ResponseEnvelope = Readonly<{
  success: boolean;
  data: unknown;
  meta: Readonly<{ message: LooseText }> | null;
}>;

type CompanyData = Readonly<{
  id: number;
  title: LooseText;
  public_title: LooseText;
  short_descr: LooseText;
  phone: LooseText;
  city: LooseText;
  timezone_name: string | null;
  business_type_id: number | null;
  business_type: Readonly<{ title: LooseText }> | null;
}>;

const looseBoolean = joi.boolean().truthy(1, '1').falsy(0, '0');

const envelopeSchema = joi
  .object<ResponseEnvelope>({
    success: looseBoolean.default(true),
    data: joi.any(),
    meta: joi.object({ message: looseText }).unknown().failover(null).default(null),
  })
  .unknown()
  .required();

const companySchema = joi
  .object<CompanyData>({
    id: joi.number().integer().positive().required(),
    title: looseText,
    public_title: looseText,
    short_descr: looseText,
    phone: looseText,
    city: looseText,
    timezone_name: joi.string().custom(assertTimeZone).failover(null).default(null),
    business_type_id: joi.number().integer().positive().failover(null).default(null),
    business_type: joi.object({ title: looseText }).unknown().failover(null).default(null),
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

type Services = readonly Readonly<{ title: LooseText }>[];

const servicesSchema = joi
  .array<Services>()
  .items(joi.object({ title: looseText }).unknown())
  .required();
const bookServicesSchema = joi
  .object<Readonly<{ services: Services }>>({ services: servicesSchema })
  .unknown();

/** @throws AppError `UPSTREAM_ERROR` when the body is not an envelope */
export function readEnvelope(body: unknown): Omit<ResponseEnvelope, 'meta'> {
  return validate(envelopeSchema, body, 'envelope');
}

/** The message of an error response, or an empty text. */
export function readErrorMessage(body: unknown): string {
  const result = envelopeSchema.validate(body);
  return result.error === undefined ? (nonEmptyText(result.value.meta?.message ?? null) ?? '') : '';
}

/** @throws AppError `UPSTREAM_ERROR` when the data are invalid or describe another company */
export function readCompany(data: unknown, salonId: SalonId): Omit<SalonInfo, 'serviceTitles'> {
  const company = validate(companySchema, data, 'company');
  if (company.id !== salonId) throw invalidResponseError('company', 'company id mismatch');
  return {
    id: salonId,
    title: nonEmptyText(company.title) ?? nonEmptyText(company.public_title) ?? '',
    shortDescription: nonEmptyText(company.short_descr) ?? '',
    phone: nonEmptyText(company.phone),
    city: nonEmptyText(company.city),
    timeZone: company.timezone_name ?? undefined,
    businessTypeId: company.business_type_id ?? undefined,
    businessTypeTitle: nonEmptyText(company.business_type?.title ?? null),
  };
}

/** Empty data means that the salon never installed the application. @throws AppError `UPSTREAM_ERROR` */
export function readApplicationStatus(data: unknown): ApplicationStatus {
  if (data === null || data === undefined || (Array.isArray(data) && data.length === 0)) return 'uninstalled';
  return validate(connectionSchema, data, 'connection status').connection_status?.status ?? 'uninstalled';
}

/** `data` is `{services: […]}`, or the list itself in older responses. @throws AppError `UPSTREAM_ERROR` */
export function readServiceTitles(data: unknown): string[] {
  const services: Services = Array.isArray(data)
    ? validate(servicesSchema, data, 'services')
    : validate(bookServicesSchema, data, 'services').services;
  return services.flatMap(({ title }) => nonEmptyText(title) ?? []);
}

const webhookSettingsSchema = joi
  .object<Readonly<{ urls: readonly string[]; active: boolean; record: boolean }>>({
    urls: joi.array().items(joi.string()).default([]),
    active: looseBoolean.default(true),
    record: looseBoolean.default(true),
  })
  .unknown()
  .required();

/** Empty when the salon's webhooks are disabled or do not include records. @throws AppError `UPSTREAM_ERROR` */
export function readWebhookUrls(data: unknown): readonly string[] {
  const { urls, active, record } = validate(webhookSettingsSchema, data, 'webhook settings');
  return active && record ? urls : [];
}

/** @throws AppError `UPSTREAM_ERROR` */
export function readList(data: unknown, subject: string): readonly unknown[] {
  return validate(joi.array<readonly unknown[]>().required(), data, subject);
}

/** @throws AppError `UPSTREAM_ERROR` */
export function validate<Value>(schema: joi.Schema<Value>, value: unknown, subject: string): Value {
  const result = schema.validate(value);
  if (result.error === undefined) return result.value;
  const { path, type } = result.error.details[0] ?? { path: [], type: 'unknown' };
  throw invalidResponseError(subject, `${path.join('.') || '(root)'} fails ${type}`);
}

/** The reason contains the field and the rule, never the value. */
function invalidResponseError(subject: string, reason: string): AppError {
  return new AppError('UPSTREAM_ERROR', {
    retryable: false,
    cause: new Error(`Invalid YCLIENTS response (${subject}): ${reason}`),
  });
}

/** @throws RangeError when the name is not a time zone */
function assertTimeZone(name: string): string {
  Intl.DateTimeFormat('en', { timeZone: name });
  return name;
}
