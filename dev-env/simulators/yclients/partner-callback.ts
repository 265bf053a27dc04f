import joi from 'joi';
import type { PlatformStore } from './platform-store.ts';
import { ok, errorReply, type Reply } from './reply.ts';

type CallbackBody = Readonly<{
  salon_id: number;
  application_id: number;
  api_key?: string;
  webhook_urls: readonly string[];
  channels: readonly string[];
}>;

const loopbackHosts = new Set(['127.0.0.1', 'localhost', '[::1]']);
const maxWebhookUrls = 10;

const callbackBody = joi
  .object<CallbackBody>({
    salon_id: joi.number().integer().positive().required(),
    application_id: joi.number().integer().positive().required(),
    api_key: joi.string(),
    webhook_urls: joi.array().items(joi.string().custom(webhookUrl)).unique().max(maxWebhookUrls).default([]),
    channels: joi.array().items(joi.valid('sms', 'whatsapp')).unique().default([]),
  })
  .unknown()
  .required()
  .prefs({ convert: false });

/** `POST /marketplace/partner/callback`. */
export function acceptInstallation(
  body: unknown,
  store: PlatformStore,
  applicationId: number,
  now: number,
): Reply {
  const result = callbackBody.validate(body);
  if (result.error !== undefined) {
    return errorReply(
      422,
      'An error has occurred.',
      result.error.details.map(({ path }) => path.join('.')),
    );
  }
  const { salon_id, application_id, api_key, webhook_urls, channels } = result.value;
  const salon = store.findSalon(salon_id);
  if (salon === undefined || application_id !== applicationId) return errorReply(403, 'Access denied.');
  const refusalReason = salon.activate({ apiKey: api_key, webhookUrls: webhook_urls, channels }, now);
  return refusalReason === undefined ? ok({}, [], 201) : errorReply(422, refusalReason);
}

/** The platform requires https; loopback receivers may use http. */
function webhookUrl(value: string): string {
  const url = new URL(value);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && loopbackHosts.has(url.hostname)))
    return value;
  throw new TypeError('A webhook address must be https');
}
