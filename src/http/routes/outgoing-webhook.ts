import express, { type Router } from 'express';
import Joi from 'joi';
import { AppError } from '../../domain/errors/app-error.ts';
import type { OutgoingWebhookSettingsService } from '../../marketplace/replies/outgoing-webhook-settings.ts';
import type { OutgoingWebhook } from '../../ports/outgoing-webhooks.ts';
import { type ApiKeyLookup, apiKeyAuthenticator } from '../middleware/authenticate.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { validate } from '../middleware/validate.ts';

export type OutgoingWebhookDeps = Readonly<{
  service: ApiKeyLookup;
  outgoingWebhookSettings: Pick<OutgoingWebhookSettingsService, 'get' | 'set' | 'rotate' | 'remove'>;
  limiters: Pick<HttpLimiters, 'api'>;
  trustProxy: number;
}>;

const path = '/marketplace/outgoing-webhook';
const outgoingWebhookSchema = Joi.object<Readonly<{ url: string }>>({ url: Joi.string().required() });

/** Where client messages are forwarded to, for the holder of the company's API key. */
export function outgoingWebhookRoutes(deps: OutgoingWebhookDeps): Router {
  const { service, outgoingWebhookSettings, limiters, trustProxy } = deps;
  const router = express.Router();
  const auth = apiKeyAuthenticator(service);
  const limited = rateLimit(limiters.api, trustProxy);

  router.get(path, limited, auth.guard, async (request, response) => {
    const webhook = await outgoingWebhookSettings.get(auth.caller(request).id);
    if (webhook === undefined) throw webhookNotFoundError();
    response.json({ success: true, ...toWebhookResponse(webhook) });
  });

  router.put(
    path,
    limited,
    auth.guard,
    jsonBody(),
    validate(outgoingWebhookSchema),
    async (request, response) => {
      const { id } = auth.caller(request);
      const secret = await outgoingWebhookSettings.set(id, request.body.url);
      const webhook = await outgoingWebhookSettings.get(id);
      if (webhook === undefined) throw webhookNotFoundError();
      response.json({
        success: true,
        ...toWebhookResponse(webhook),
        ...(secret !== undefined && { secret }),
      });
    },
  );

  router.post(`${path}/secret`, limited, auth.guard, async (request, response) => {
    const { id } = auth.caller(request);
    const secret = await outgoingWebhookSettings.rotate(id);
    const webhook = await outgoingWebhookSettings.get(id);
    if (secret === undefined || webhook === undefined) throw webhookNotFoundError();
    response.json({ success: true, ...toWebhookResponse(webhook), secret });
  });

  router.delete(path, limited, auth.guard, async (request, response) => {
    await outgoingWebhookSettings.remove(auth.caller(request).id);
    response.json({ success: true });
  });
  return router;
}

function toWebhookResponse(webhook: OutgoingWebhook): Record<string, unknown> {
  return {
    url: webhook.url,
    ...toWebhookStateResponse(webhook),
    previous_secret_until: webhook.previousSecretUntil?.toISOString() ?? null,
    created_at: webhook.createdAt.toISOString(),
  };
}

/** The delivery state without the URL and the secrets. */
export function toWebhookStateResponse(webhook: OutgoingWebhook): Record<string, unknown> {
  const { disabledAt, failingSince } = webhook;
  return {
    enabled: disabledAt === undefined,
    disabled_at: disabledAt?.toISOString() ?? null,
    failing_since: failingSince?.toISOString() ?? null,
  };
}

function webhookNotFoundError(): AppError {
  return new AppError('NOT_FOUND', {
    text: { ru: 'Вебхук не задан.', en: 'No webhook is configured.' },
  });
}
