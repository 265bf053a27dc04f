import express, { type Router } from 'express';
import { AppError } from '../../domain/errors/app-error.ts';
import { parsePositiveInteger } from '../../domain/ids.ts';
import type { Events } from '../../ports/events.ts';
import { type ApiKeyLookup, apiKeyAuthenticator } from '../middleware/authenticate.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { pathParameter, Query } from '../request.ts';

export type BookingEventDeps = Readonly<{
  service: ApiKeyLookup;
  events: Pick<Events, 'byRecord'>;
  limiters: Pick<HttpLimiters, 'api'>;
  trustProxy: number;
}>;

const maxEvents = 500;

/** The history of one booking, from its webhook to the read receipt, for the holder of the company's API key. */
export function bookingEventRoutes({ service, events, limiters, trustProxy }: BookingEventDeps): Router {
  const router = express.Router();
  const auth = apiKeyAuthenticator(service);

  router.get(
    '/marketplace/bookings/:recordId/events',
    rateLimit(limiters.api, trustProxy),
    auth.guard,
    async (request, response) => {
      const recordId = parseRecordId(pathParameter(request, 'recordId'));
      const history = await events.byRecord(
        auth.caller(request).id,
        recordId,
        new Query(request).limit(maxEvents),
      );
      response.json({
        success: true,
        record_id: recordId,
        events: history.map(({ type, cause, detail, createdAt }) => ({
          type,
          cause,
          detail,
          created_at: createdAt.toISOString(),
        })),
      });
    },
  );
  return router;
}

function parseRecordId(text: string): number {
  const recordId = /^\d{1,16}$/.test(text) ? parsePositiveInteger(text) : undefined;
  if (recordId !== undefined) return recordId;
  throw new AppError('VALIDATION_ERROR', {
    text: {
      ru: 'Номер записи должен быть целым положительным числом.',
      en: 'The record id must be a positive integer.',
    },
  });
}
