import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Company } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import { type CompanyId, companyIdFrom } from '../domain/ids.ts';
import { clientAddress } from '../lib/net/client-ip.ts';
import { prepareErrorAnswer } from './middleware/error-body.ts';
import { reportServerFault } from './middleware/error-handler.ts';
import { readJsonAndBytes } from './middleware/json-body.ts';
import { type ObserverDeps, observe } from './middleware/access-log.ts';
import type { HttpLimiters } from './middleware/rate-limit.ts';
import { toAppError } from './middleware/refusals.ts';
import { nameRequest } from './middleware/request-id.ts';
import { sendJson } from './send-json.ts';

export type WebhookListenerDeps = ObserverDeps &
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

const webhookPath = /^\/marketplace\/webhook\/([^/?]+)\/([^/?]+)\/?(?:\?|$)/;
export const entityWebhookRoute = '/marketplace/webhook/:companyId/:secret';
const accepted = JSON.stringify({ success: true });

/**
 * Answers the platform's entity webhooks on bare node:http, several times cheaper than through Express. The listener
 * returns false, having touched nothing, for any other request.
 */
export function createWebhookListener(
  deps: WebhookListenerDeps,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const answer = async (
    request: IncomingMessage,
    response: ServerResponse,
    path: RegExpExecArray,
  ): Promise<void> => {
    try {
      const company = await companyOf(deps, request, path);
      const { body, bytes } = await readJsonAndBytes(request);
      await deps.inbox.acceptEntity(company, body, bytes);
      sendJson(response, accepted);
    } catch (thrown) {
      const error = toAppError(thrown);
      reportServerFault(deps.logger, error, response);
      const body = JSON.stringify(prepareErrorAnswer(error, request, response));
      // What was not read of the body would be taken for the next request.
      if (!request.complete) response.setHeader('Connection', 'close');
      sendJson(response, body);
    }
  };

  return (request, response) => {
    const path = request.method === 'POST' ? webhookPath.exec(request.url ?? '') : null;
    if (path === null) return false;
    nameRequest(request, response);
    observe(deps, request, response, () => entityWebhookRoute, { isToldElsewhere: true });
    void answer(request, response, path);
    return true;
  };
}

/**
 * Who guesses at addresses is turned away before the database is asked. The platform speaks for all salons from a few
 * addresses, so that the wrong paths of one salon must not shut out the right ones of others.
 * @throws AppError
 */
async function companyOf(
  { inbox, limiters, trustProxy }: WebhookListenerDeps,
  request: IncomingMessage,
  path: RegExpExecArray,
): Promise<Company> {
  const companyId = companyIdFrom(path[1]);
  const secret = path[2] ?? '';
  if (inbox.isKnown(companyId, secret)) return await inbox.authenticate(companyId, secret);
  const address = clientAddress(request, trustProxy);
  const retryAfterSeconds = await limiters.strayWebhook.waitSeconds(address);
  if (retryAfterSeconds !== undefined) throw new AppError('RATE_LIMIT', { retryAfterSeconds });
  try {
    return await inbox.authenticate(companyId, secret);
  } catch (error) {
    if (error instanceof AppError && error.code === 'INVALID_TOKEN')
      await limiters.strayWebhook.consume(address);
    throw error;
  }
}
