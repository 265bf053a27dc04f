import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Company } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import { companyIdFrom } from '../domain/ids.ts';
import { clientIp } from '../lib/net/client-ip.ts';
import type { Inbox, WebhookAuthenticator } from '../ports/inbox.ts';
import { type AccessLogDeps, recordAccess } from './middleware/access-log.ts';
import { logServerError, prepareErrorResponse } from './middleware/error-handler.ts';
import { readJsonAndBytes } from './middleware/json-body.ts';
import type { HttpLimiters } from './middleware/rate-limit.ts';
import { assignRequestId } from './middleware/request-id.ts';
import { toAppError } from './request-errors.ts';
import { sendJson } from './send-json.ts';

export type WebhookFastPathDeps = AccessLogDeps &
  Readonly<{
    webhookAuthenticator: WebhookAuthenticator;
    inbox: Pick<Inbox, 'acceptEntity'>;
    limiters: Pick<HttpLimiters, 'failedWebhookAuth'>;
  }>;

const webhookPathPattern = /^\/marketplace\/webhook\/([^/?]+)\/([^/?]+)\/?(?:\?|$)/;
export const entityWebhookRoute = '/marketplace/webhook/:companyId/:secret';
const acceptedPayload = JSON.stringify({ success: true });

/**
 * Serves the YCLIENTS entity webhooks on bare `node:http`, several times cheaper than through Express. The listener
 * returns false for any other request and leaves it untouched.
 */
export function createWebhookFastPath(
  deps: WebhookFastPathDeps,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const handle = async (
    request: IncomingMessage,
    response: ServerResponse,
    path: RegExpExecArray,
  ): Promise<void> => {
    try {
      const company = await authenticateWebhook(deps, request, path);
      const { body, bytes } = await readJsonAndBytes(request);
      await deps.inbox.acceptEntity(company, body, bytes);
      sendJson(response, acceptedPayload);
    } catch (thrown) {
      const error = toAppError(thrown);
      logServerError(deps.logger, error, response);
      const payload = prepareErrorResponse(error, request, response);
      // A kept-alive connection would parse the unread part of the body as the next request.
      if (!request.complete) response.setHeader('Connection', 'close');
      sendJson(response, JSON.stringify(payload));
    }
  };

  return (request, response) => {
    const path = request.method === 'POST' ? webhookPathPattern.exec(request.url ?? '') : null;
    if (path === null) return false;
    assignRequestId(request, response);
    recordAccess(deps, request, response, () => entityWebhookRoute, { isLoggedElsewhere: true });
    void handle(request, response, path);
    return true;
  };
}

/**
 * Rate-limits wrong paths per IP before the database is queried. Known paths bypass the limit: YCLIENTS sends the webhooks
 * of all salons from a few IPs, so one salon's wrong path must not block the others. @throws AppError
 */
async function authenticateWebhook(
  { webhookAuthenticator, limiters, trustProxy }: WebhookFastPathDeps,
  request: IncomingMessage,
  path: RegExpExecArray,
): Promise<Company> {
  const companyId = companyIdFrom(path[1]);
  const secret = path[2] ?? '';
  if (webhookAuthenticator.isKnown(companyId, secret))
    return await webhookAuthenticator.authenticate(companyId, secret);
  const ip = clientIp(request, trustProxy);
  const retryAfterSeconds = await limiters.failedWebhookAuth.retryAfterSeconds(ip);
  if (retryAfterSeconds !== undefined) throw new AppError('RATE_LIMIT', { retryAfterSeconds });
  try {
    return await webhookAuthenticator.authenticate(companyId, secret);
  } catch (error) {
    if (error instanceof AppError && error.code === 'INVALID_TOKEN')
      await limiters.failedWebhookAuth.consume(ip);
    throw error;
  }
}
