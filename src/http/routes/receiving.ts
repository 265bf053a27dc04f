import express, { type Router } from 'express';
import Joi from 'joi';
import { AppError } from '../../domain/errors/app-error.ts';
import type { OutgoingWebhook, ReceivedMessages } from '../../ports/message-ports.ts';
import type { OutgoingWebhookRules } from '../../marketplace/replies/outgoing-webhook-settings.ts';
import { type CompanyKeys, companyOfApiKey } from '../middleware/authenticate.ts';
import { identified } from '../middleware/identified.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { Query } from '../query.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { validate } from '../middleware/validate.ts';

export type ReceivingDeps = Readonly<{
  service: CompanyKeys;
  received: Pick<ReceivedMessages, 'after'>;
  outgoingWebhooks: Pick<OutgoingWebhookRules, 'of' | 'set' | 'rotate' | 'remove'>;
  limiters: Pick<HttpLimiters, 'machine'>;
  trustProxy: number;
}>;

const webhookBody = Joi.object<Readonly<{ url: string }>>({ url: Joi.string().required() });
const mostMessages = 200;
const usualMessages = 50;

/** What clients write, for whoever holds the company's key, and where it is forwarded to. */
export function receivingRoutes(deps: ReceivingDeps): Router {
  const { service, received, outgoingWebhooks, limiters, trustProxy } = deps;
  const router = express.Router();
  const caller = identified((request) => companyOfApiKey(request, service));
  const limited = rateLimit(limiters.machine, trustProxy);
  const path = '/marketplace/outgoing-webhook';

  router.get('/marketplace/received-messages', limited, caller.guard, async (request, response) => {
    const query = new Query(request);
    const after = query.wholeNumber('after', { least: 0, most: Number.MAX_SAFE_INTEGER, usual: 0 });
    const limit = query.limit(mostMessages, usualMessages);
    const messages = await received.after(caller.of(request).id, after, limit);
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

  router.get(path, limited, caller.guard, async (request, response) => {
    const webhook = await outgoingWebhooks.of(caller.of(request).id);
    if (webhook === undefined) throw noWebhook();
    response.json({ success: true, ...view(webhook) });
  });

  router.put(path, limited, caller.guard, jsonBody(), validate(webhookBody), async (request, response) => {
    const { id } = caller.of(request);
    const secret = await outgoingWebhooks.set(id, request.body.url);
    const webhook = await outgoingWebhooks.of(id);
    if (webhook === undefined) throw noWebhook();
    response.json({ success: true, ...view(webhook), ...(secret !== undefined && { secret }) });
  });

  router.post(`${path}/secret`, limited, caller.guard, async (request, response) => {
    const { id } = caller.of(request);
    const secret = await outgoingWebhooks.rotate(id);
    const webhook = await outgoingWebhooks.of(id);
    if (secret === undefined || webhook === undefined) throw noWebhook();
    response.json({ success: true, ...view(webhook), secret });
  });

  router.delete(path, limited, caller.guard, async (request, response) => {
    await outgoingWebhooks.remove(caller.of(request).id);
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

function view(webhook: OutgoingWebhook): Record<string, unknown> {
  return {
    url: webhook.url,
    ...webhookState(webhook),
    previous_secret_until: webhook.previousSecretUntil?.toISOString() ?? null,
    created_at: webhook.createdAt.toISOString(),
  };
}

function noWebhook(): AppError {
  return new AppError('NOT_FOUND', {
    text: { ru: 'Вебхук не задан.', en: 'No webhook is set.' },
  });
}
