import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Company } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import { type CompanyId, companyIdFrom } from '../domain/ids.ts';
import { clientIp } from '../lib/net/client-ip.ts';
import { logServerError, prepareErrorResponse, toAppError } from './middleware/error-handler.ts';
import { readJsonAndBytes } from './middleware/json-body.ts';
import { type AccessLogDeps, recordAccess } from './middleware/access-log.ts';
import type { HttpLimiters } from './middleware/rate-limit.ts';
import { assignRequestId } from './middleware/request-id.ts';
import { sendJson } from './startup-responder.ts';

export type WebhookFastPathDeps = AccessLogDeps &
  Readonly<{
    inbox: Readonly<{
      /** Whether a path was right when it was last looked for; costs next to nothing. */
      isKnown(companyId: CompanyId, secret: string): boolean;
      /** @throws AppError `INVALID_TOKEN` when the path is not one that we gave out */
      authenticate(companyId: CompanyId, secret: string): Promise<Company>;
      /** Durable when it resolves. @throws AppError that tells the sender what is wrong */
      acceptEntity(company: Company, body: unknown, bytes: Uint8Array): Promise<void>;
    }>;
    limiters: Pick<HttpLimiters, 'strayWebhook'>;
  }>;

const webhookPathPattern = /^\/marketplace\/webhook\/([^/?]+)\/([^/?]+)\/?(?:\?|$)/;
export const entityWebhookRoute = '/marketplace/webhook/:companyId/:secret';
const acceptedBody = JSON.stringify({ success: true });

/**
 * Answers the platform's entity webhooks on bare node:http, several times cheaper than through Express. The listener
 * returns false, having touched nothing, for any other request.
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
      sendJson(response, acceptedBody);
    } catch (thrown) {
      const error = toAppError(thrown);
      logServerError(deps.logger, error, response);
      const body = JSON.stringify(prepareErrorResponse(error, request, response));
      // What was not read of the body would be taken for the next request.
      if (!request.complete) response.setHeader('Connection', 'close');
      sendJson(response, body);
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
 * Who guesses at addresses is turned away before the database is asked. The platform speaks for all salons from a few
 * addresses, so that the wrong paths of one salon must not shut out the right ones of others.
 * @throws AppError
 */
async function authenticateWebhook(
  { inbox, limiters, trustProxy }: WebhookFastPathDeps,
  request: IncomingMessage,
  path: RegExpExecArray,
): Promise<Company> {
  const companyId = companyIdFrom(path[1]);
  const secret = path[2] ?? '';
  if (inbox.isKnown(companyId, secret)) return await inbox.authenticate(companyId, secret);
  const address = clientIp(request, trustProxy);
  const retryAfterSeconds = await limiters.strayWebhook.retryAfterSeconds(address);
  if (retryAfterSeconds !== undefined) throw new AppError('RATE_LIMIT', { retryAfterSeconds });
  try {
    return await inbox.authenticate(companyId, secret);
  } catch (error) {
    if (error instanceof AppError && error.code === 'INVALID_TOKEN')
      await limiters.strayWebhook.consume(address);
    throw error;
  }
}
