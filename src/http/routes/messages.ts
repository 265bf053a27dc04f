import express, { type Request, type Router } from 'express';
import Joi from 'joi';
import { maskPhone, mobileFrom } from '../../domain/company/phone.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import type { Message } from '../../domain/notification/message.ts';
import type { MarketplaceService } from '../../marketplace/marketplace-service.ts';
import { type ApiKeyLookup, apiKeyAuthenticator } from '../middleware/authenticate.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { parseWith, validate } from '../middleware/validate.ts';
import { pathParameter } from '../request.ts';

export type MessageDeps = Readonly<{
  service: ApiKeyLookup & Pick<MarketplaceService, 'sendDirectMessage' | 'messageById'>;
  limiters: Pick<HttpLimiters, 'api'>;
  trustProxy: number;
}>;

const maxTextLength = 4096;

const directMessageSchema = Joi.object<Readonly<{ phone: string; text: string }>>({
  phone: parseWith((value) => mobileFrom(value)).required(),
  text: Joi.string().trim().min(1).max(maxTextLength).required(),
});

/** Direct messages and their status, for the holder of the company's API key. */
export function messageRoutes({ service, limiters, trustProxy }: MessageDeps): Router {
  const router = express.Router();
  const auth = apiKeyAuthenticator(service);
  const limited = rateLimit(limiters.api, trustProxy);

  router.post(
    '/marketplace/messages',
    limited,
    auth.guard,
    jsonBody(),
    validate(directMessageSchema),
    async (request, response) => {
      const idempotencyKey = readIdempotencyKey(request);
      const { phone, text } = request.body;
      const message = await service.sendDirectMessage(auth.caller(request).id, {
        phone,
        text,
        idempotencyKey,
      });
      response.status(202).json({ success: true, id: message.id, status: message.status });
    },
  );

  router.get('/marketplace/messages/:id', limited, auth.guard, async (request, response) => {
    const id = pathParameter(request, 'id');
    const message = /^[\w-]{1,64}$/.test(id)
      ? await service.messageById(auth.caller(request).id, id)
      : undefined;
    if (message === undefined) throw messageNotFoundError();
    response.json(toMessageResponse(message));
  });
  return router;
}

function toMessageResponse(message: Message): Record<string, unknown> {
  return {
    success: true,
    id: message.id,
    status: message.status,
    phone: maskPhone(message.phone),
    attempts: message.attempts,
    ...(message.errorCode !== undefined && { error: message.errorCode }),
    times: {
      created_at: message.createdAt.toISOString(),
      not_before: message.notBefore.toISOString(),
      sent_at: message.sentAt?.toISOString() ?? null,
      delivered_at: message.deliveredAt?.toISOString() ?? null,
      read_at: message.readAt?.toISOString() ?? null,
    },
  };
}

function readIdempotencyKey(request: Pick<Request, 'headers'>): string {
  const key = request.headers['idempotency-key'];
  if (typeof key === 'string' && /^[\x21-\x7e]{1,200}$/.test(key)) return key;
  throw new AppError('VALIDATION_ERROR', {
    text: {
      ru: 'Нужен заголовок Idempotency-Key: от 1 до 200 печатных символов ASCII без пробелов.',
      en: 'The header Idempotency-Key is required: 1 to 200 printable ASCII characters without spaces.',
    },
  });
}

function messageNotFoundError(): AppError {
  return new AppError('NOT_FOUND', {
    text: { ru: 'Такого сообщения нет.', en: 'Message not found.' },
  });
}
