import express, { type Router } from 'express';
import type { ReceivedMessages } from '../../ports/received-messages.ts';
import { type ApiKeyLookup, apiKeyAuthenticator } from '../middleware/authenticate.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { Query } from '../request.ts';

export type ReceivedMessageDeps = Readonly<{
  service: ApiKeyLookup;
  receivedMessages: Pick<ReceivedMessages, 'after'>;
  limiters: Pick<HttpLimiters, 'api'>;
  trustProxy: number;
}>;

const maxMessages = 200;
const defaultMessages = 50;

/** Messages from clients, paged by `after`, for the holder of the company's API key. */
export function receivedMessageRoutes(deps: ReceivedMessageDeps): Router {
  const { service, receivedMessages, limiters, trustProxy } = deps;
  const router = express.Router();
  const auth = apiKeyAuthenticator(service);

  router.get(
    '/marketplace/received-messages',
    rateLimit(limiters.api, trustProxy),
    auth.guard,
    async (request, response) => {
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
    },
  );
  return router;
}
