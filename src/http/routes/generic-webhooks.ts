import express, { type Router } from 'express';
import Joi from 'joi';
import { AppError } from '../../domain/errors/app-error.ts';
import { companyIdFrom } from '../../domain/ids.ts';
import type { GenericWebhook, Inbox } from '../../ports/inbox.ts';
import { type ApiKeyLookup, apiKeyAuthenticator } from '../middleware/authenticate.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { validate } from '../middleware/validate.ts';

export type GenericWebhookDeps = Readonly<{
  service: ApiKeyLookup;
  inbox: Pick<Inbox, 'acceptGeneric'>;
  limiters: Pick<HttpLimiters, 'api'>;
  trustProxy: number;
}>;

const webhookSchema = Joi.object<GenericWebhook>({
  type: Joi.string().max(100).required(),
  data: Joi.object().unknown(true).required(),
  timestamp: Joi.date().iso().required(),
});

export function genericWebhookRoutes({ service, inbox, limiters, trustProxy }: GenericWebhookDeps): Router {
  const router = express.Router();
  const auth = apiKeyAuthenticator(service);

  router.post(
    '/marketplace/webhook/:companyId',
    rateLimit(limiters.api, trustProxy),
    auth.guard,
    jsonBody(),
    validate(webhookSchema),
    async (request, response) => {
      const companyId = companyIdFrom(request.params['companyId']);
      const company = auth.caller(request);
      if (company.id !== companyId) throw new AppError('FORBIDDEN');
      await inbox.acceptGeneric(company, request.body);
      response.json({ success: true });
    },
  );
  return router;
}
