import express, { type Router } from 'express';
import Joi from 'joi';
import { AppError } from '../../domain/errors/app-error.ts';
import type { OutgoingWebhookSettingsService } from '../../marketplace/replies/outgoing-webhook-settings.ts';
import { type ApiKeyLookup, authenticateByApiKey, createAuthenticator } from '../middleware/authenticate.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { validate } from '../middleware/validate.ts';
import type { OutgoingWebhook } from '../../ports/outgoing-webhooks.ts';
import type { ReceivedMessages } from '../../ports/received-messages.ts';
import { Query } from '../request.ts';

export type ReceivedMessageDeps = Readonly<{
  service: ApiKeyLookup;
  receivedMessages: Pick<ReceivedMessages, 'after'>;
  outgoingWebhooks: Pick<OutgoingWebhookSettingsService, 'get' | 'set' | 'rotate' | 'remove'>;
  limiters: Pick<HttpLimiters, 'machine'>;
  trustProxy: number;
}>;

const outgoingWebhookSchema = Joi.object<Readonly<{ url: string }>>({ url: Joi.string().required() });
const maxMessages = 200;
const defaultMessages = 50;

/** What clients write, for whoever holds the company's key, and where it is forwarded to. */
export function receivedMessageRoutes(deps: ReceivedMessageDeps): Router {
  const { service, receivedMessages, outgoingWebhooks, limiters, trustProxy } = deps;
  const router = express.Router();
  const auth = createAuthenticator((request) => authenticateByApiKey(request, service));
  const limited = rateLimit(limiters.machine, trustProxy);
  const path = '/marketplace/outgoing-webhook';

  router.get('/marketplace/received-messages', limited, auth.guard, async (request, response) => {
    const query = new Query(request);
    const after = query.integer('after', { min: 0, max: Number.MAX_SAFE_INTEGER, defaultValue: 0 });
    const limit = query.limit(maxMessages, defaultMessages);
    const messages = await receivedMessages.after(auth.caller(request).id, after, limit);
    response.json({
      success: true,
      messages: messages.map(({ id, phone, text, sentAt, receivedAt }) => ({
        id,
        phone: phone ?? null,
        text: text ?? null,
        sent_at: sentAt.toISOString(),
        received_at: receivedAt.toISOString(),
      })),
      next: String(messages.at(-1)?.position ?? after),
    });
  });

  router.get(path, limited, auth.guard, async (request, response) => {
    const webhook = await outgoingWebhooks.get(auth.caller(request).id);
    if (webhook === undefined) throw webhookNotFound();
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
      const secret = await outgoingWebhooks.set(id, request.body.url);
      const webhook = await outgoingWebhooks.get(id);
      if (webhook === undefined) throw webhookNotFound();
      response.json({
        success: true,
        ...toWebhookResponse(webhook),
        ...(secret !== undefined && { secret }),
      });
    },
  );

  router.post(`${path}/secret`, limited, auth.guard, async (request, response) => {
    const { id } = auth.caller(request);
    const secret = await outgoingWebhooks.rotate(id);
    const webhook = await outgoingWebhooks.get(id);
    if (secret === undefined || webhook === undefined) throw webhookNotFound();
    response.json({ success: true, ...toWebhookResponse(webhook), secret });
  });

  router.delete(path, limited, auth.guard, async (request, response) => {
    await outgoingWebhooks.remove(auth.caller(request).id);
    response.json({ success: true });
  });
  return router;
}

/** Whether it works; nothing of its address or its secrets. */
export function webhookState({ disabledAt, failingSince }: OutgoingWebhook): Record<string, unknown> {
  return {
    enabled: disabledAt === undefined,
    disabled_at: disabledAt?.toISOString() ?? null,
    failing_since: failingSince?.toISOString() ?? null,
  };
}

function toWebhookResponse(webhook: OutgoingWebhook): Record<string, unknown> {
  return {
    url: webhook.url,
    ...webhookState(webhook),
    previous_secret_until: webhook.previousSecretUntil?.toISOString() ?? null,
    created_at: webhook.createdAt.toISOString(),
  };
}

function webhookNotFound(): AppError {
  return new AppError('NOT_FOUND', {
    text: { ru: 'Вебхук не задан.', en: 'No webhook is configured.' },
  });
}
