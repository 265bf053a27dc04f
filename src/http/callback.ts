import express, { type Router } from 'express';
import Joi from 'joi';
import { type SalonId, parsePositiveInteger, salonIdFrom } from '../domain/ids.ts';
import { jsonBody } from './json-body.ts';
import { type HttpLimiters, rateLimit } from './rate-limit.ts';
import { checked, parsedBy, validate } from './validate.ts';

/** What the platform tells of an installation. */
export type LifecycleWebhook = Readonly<{
  salonId: SalonId;
  applicationId: number;
  event: 'uninstall' | 'freeze' | 'payment';
  /** Empty when it was absent: the only proof of the sender. */
  partnerToken: string;
  /** Of a payment: the fields that its `sign` covers. */
  payment?: Readonly<{ amount: number; discount: number | undefined; sign: string }>;
}>;

export type CallbackDeps = Readonly<{
  lifecycle: Readonly<{
    /** @throws AppError `FORBIDDEN` when the token, the application or the sign is not right */
    handle(webhook: LifecycleWebhook): Promise<void>;
  }>;
  limiters: Pick<HttpLimiters, 'machine'>;
  trustProxy: number;
}>;

type CallbackBody = Readonly<{
  salon_id: SalonId;
  application_id: number;
  event: LifecycleWebhook['event'];
  partner_token: string;
}>;

const callback = Joi.object<CallbackBody>({
  salon_id: parsedBy((value) => salonIdFrom(value)).required(),
  application_id: Joi.any()
    .custom((value: unknown, helpers) => parsePositiveInteger(value) ?? helpers.error('any.invalid'))
    .required(),
  event: Joi.valid('uninstall', 'freeze', 'payment').required(),
  partner_token: Joi.string().allow('').max(500).default(''),
}).unknown(true);

const payment = Joi.object<Readonly<{ amount: number; discount: number | null; sign: string }>>({
  amount: Joi.number().required(),
  discount: Joi.number().allow(null).default(null),
  sign: Joi.string().max(200).required(),
}).unknown(true);

export function callbackRoutes({ lifecycle, limiters, trustProxy }: CallbackDeps): Router {
  const router = express.Router();

  router.post(
    '/marketplace/callback',
    rateLimit(limiters.machine, trustProxy),
    jsonBody(),
    validate(callback),
    async (request, response) => {
      await lifecycle.handle(toWebhook(request.body));
      response.json({ success: true });
    },
  );
  return router;
}

function toWebhook(body: CallbackBody): LifecycleWebhook {
  const webhook = {
    salonId: body.salon_id,
    applicationId: body.application_id,
    event: body.event,
    partnerToken: body.partner_token,
  };
  if (body.event !== 'payment') return webhook;
  const { amount, discount, sign } = checked(payment, body);
  return { ...webhook, payment: { amount, discount: discount ?? undefined, sign } };
}
