import express, { type Router } from 'express';
import Joi from 'joi';
import { type SalonId, parsePositiveInteger, salonIdFrom } from '../../domain/ids.ts';
import type { LifecycleEvent } from '../../marketplace/installation/lifecycle.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { checked, parsedBy, validate } from '../middleware/validate.ts';

export type CallbackDeps = Readonly<{
  lifecycle: Readonly<{
    /** @throws AppError `FORBIDDEN` when the token, the application or the sign is not right */
    handle(event: LifecycleEvent): Promise<void>;
  }>;
  limiters: Pick<HttpLimiters, 'machine'>;
  trustProxy: number;
}>;

type CallbackBody = Readonly<{
  salon_id: SalonId;
  application_id: number;
  event: LifecycleEvent['event'];
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

const number = Joi.string()
  .max(40)
  .pattern(/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i);

const payment = Joi.object<Readonly<{ amount: string; discount: string | null; sign: string }>>({
  amount: number.required(),
  discount: number.allow(null).default(null),
  sign: Joi.string().max(200).required(),
}).unknown(true);

export function callbackRoutes({ lifecycle, limiters, trustProxy }: CallbackDeps): Router {
  const router = express.Router();

  router.post(
    '/marketplace/callback',
    rateLimit(limiters.machine, trustProxy),
    jsonBody({ numbersAsText: true }),
    validate(callback),
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
  const { amount, discount, sign } = checked(payment, body);
  return { ...event, payment: { amount, discount: discount ?? undefined, sign } };
}
