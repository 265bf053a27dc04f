import express, { type Router } from 'express';
import Joi from 'joi';
import { type SalonId, parsePositiveInteger, salonIdFrom } from '../../domain/ids.ts';
import type { Lifecycle, LifecycleEvent } from '../../marketplace/installation/lifecycle.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { parseWith, validate, validateValue } from '../middleware/validate.ts';

export type LifecycleCallbackDeps = Readonly<{
  lifecycle: Pick<Lifecycle, 'handle'>;
  limiters: Pick<HttpLimiters, 'api'>;
  trustProxy: number;
}>;

type CallbackBody = Readonly<{
  salon_id: SalonId;
  application_id: number;
  event: LifecycleEvent['event'];
  partner_token: string;
}>;

const callbackSchema = Joi.object<CallbackBody>({
  salon_id: parseWith((value) => salonIdFrom(value)).required(),
  application_id: Joi.any()
    .custom((value: unknown, helpers) => parsePositiveInteger(value) ?? helpers.error('any.invalid'))
    .required(),
  event: Joi.valid('uninstall', 'freeze', 'payment').required(),
  partner_token: Joi.string().allow('').max(500).default(''),
}).unknown(true);

const numberSchema = Joi.string()
  .max(40)
  .pattern(/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i);

const paymentSchema = Joi.object<Readonly<{ amount: string; discount: string | null; sign: string }>>({
  amount: numberSchema.required(),
  discount: numberSchema.allow(null).default(null),
  sign: Joi.string().max(200).required(),
}).unknown(true);

/** The YCLIENTS lifecycle webhook: uninstall, freeze and payment. */
export function lifecycleCallbackRoutes({ lifecycle, limiters, trustProxy }: LifecycleCallbackDeps): Router {
  const router = express.Router();

  router.post(
    '/marketplace/callback',
    rateLimit(limiters.api, trustProxy),
    // The payment signature covers the digits as sent.
    jsonBody({ numbersAsText: true }),
    validate(callbackSchema),
    async (request, response) => {
      await lifecycle.handle(toEvent(request.body));
      response.json({ success: true });
    },
  );
  return router;
}

function toEvent(body: CallbackBody): LifecycleEvent {
  const event = {
    salonId: body.salon_id,
    applicationId: body.application_id,
    event: body.event,
    partnerToken: body.partner_token,
  };
  if (body.event !== 'payment') return event;
  const { amount, discount, sign } = validateValue(paymentSchema, body);
  return { ...event, payment: { amount, discount: discount ?? undefined, sign } };
}
