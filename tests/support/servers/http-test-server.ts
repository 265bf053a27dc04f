import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Express } from 'express';
import type { Company } from '../../../src/domain/company/company.ts';
import { AppError } from '../../../src/domain/errors/app-error.ts';
import type { NewMessage, Message } from '../../../src/domain/notification/message.ts';
import { defaultNotificationSettings } from '../../../src/domain/notification/settings.ts';
import { type AppDeps, createApp } from '../../../src/http/app.ts';
import { createHttpLimiters, type HttpLimiters } from '../../../src/http/middleware/rate-limit.ts';
import { createWebhookFastPath, type WebhookFastPathDeps } from '../../../src/http/webhook-fast-path.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { type CapturedLog, captureLog } from '../checkers/captured-log.ts';
import {
  apiKey,
  companyId,
  companyWith,
  otherCompanyId,
  validateToken,
  webhookSecret,
} from '../fixtures/test-companies.ts';

export const adminApiKey = 'admin-key-of-the-operator';
export const now = new Date('2026-04-01T10:00:00Z');

/** Collaborators replaced by a test; the defaults behave like a healthy server. */
export type HttpTestServerOverrides = Readonly<{
  service?: Partial<AppDeps['service']>;
  registration?: Partial<AppDeps['registration']>;
  lifecycle?: AppDeps['lifecycle'];
  health?: Partial<AppDeps['health']>;
  notificationSettings?: Partial<AppDeps['notificationSettings']>;
  restrictions?: Partial<AppDeps['restrictions']>;
  events?: AppDeps['events'];
  receivedMessages?: AppDeps['receivedMessages'];
  queue?: Partial<AppDeps['queue']>;
  reconciliation?: Partial<AppDeps['reconciliation']>;
  outgoingWebhookSettings?: Partial<AppDeps['outgoingWebhookSettings']>;
  webhookAuthenticator?: Partial<WebhookFastPathDeps['webhookAuthenticator']>;
  inbox?: Partial<WebhookFastPathDeps['inbox'] & AppDeps['inbox']>;
  limiters?: Partial<HttpLimiters>;
  options?: Partial<AppDeps['options']>;
}>;

export type HttpTestServer = AsyncDisposable &
  Readonly<{ url: string; app: Express; log: CapturedLog; acceptedWebhooks: readonly unknown[] }>;

/** The HTTP app and the webhook fast path on a free port, with in-memory use cases. */
export async function startHttpTestServer(overrides: HttpTestServerOverrides = {}): Promise<HttpTestServer> {
  const publicDirectory = writePages();
  const log = captureLog();
  const metrics = createMetrics();
  const acceptedWebhooks: unknown[] = [];
  const companies = new Map([companyId, otherCompanyId].map((id) => [id, companyWith(id)]));
  const messages = new Map<string, Message>();
  const webhookAuthenticator = {
    isKnown: (id: Company['id'], secret: string) => companies.has(id) && secret === webhookSecret,
    authenticate: async (id: Company['id'], secret: string) => {
      const company = companies.get(id);
      if (company === undefined || secret !== webhookSecret) throw new AppError('INVALID_TOKEN');
      return company;
    },
    ...overrides.webhookAuthenticator,
  };
  const inbox = {
    acceptEntity: async (company: Company, body: unknown) => {
      acceptedWebhooks.push({ companyId: company.id, body });
    },
    acceptGeneric: async (company: Company, webhook: unknown) => {
      acceptedWebhooks.push({ companyId: company.id, webhook });
    },
    ...overrides.inbox,
  };
  const trustProxy = overrides.options?.trustProxy ?? 0;
  const limiters = { ...createHttpLimiters(), ...overrides.limiters };
  const app = createApp({
    lastInboundAt: (id) => (id === companyId ? now : undefined),
    service: {
      validateToken,
      getCompany: async (id) => {
        const company = companies.get(id);
        if (company === undefined) throw new AppError('COMPANY_NOT_FOUND');
        return company;
      },
      companyByApiKey: async (key) => (key === apiKey ? companies.get(companyId) : undefined),
      generateQR: async () => ({
        qr: 'data:image/png;base64,QQ==',
        text: 'A',
        sequence: 1,
        expiresAt: new Date(now.getTime() + 19_500),
      }),
      requestPairingCode: async (_id, phone) => ({
        code: 'ABCD1234',
        phone,
        expiresAt: new Date(now.getTime() + 60_500),
      }),
      sessionStatus: async () => ({ state: 'idle', since: now }),
      getConnectionStats: async () => ({
        total: 5,
        connected: 2,
        pending: 2,
        disconnected: 1,
        byStatus: { active: 2 },
        last24h: { newConnections: 1, disconnections: 3 },
      }),
      companiesWithoutWhatsApp: async () => [
        companyWith(companyId, {
          integrationStatus: 'active',
          sessionState: 'banned',
          sessionCause: '402/101',
        }),
      ],
      sendDirectMessage: async (id, message) => {
        const stored =
          messages.get(message.idempotencyKey) ?? queuedMessage(id, message, `m-${messages.size + 1}`);
        messages.set(message.idempotencyKey, stored);
        return stored;
      },
      messageById: async (_id, messageId) => [...messages.values()].find(({ id }) => id === messageId),
      ...overrides.service,
    },
    registration: {
      fromRedirect: async ({ salonIds }) =>
        salonIds.map((salonId, index) => ({ companyId, token: `token-${salonId}-${index}` })),
      byAdmin: async () => ({
        company: companyWith(companyId),
        created: true,
        connectUrl: 'https://x/#token=t',
      }),
      ...overrides.registration,
    },
    lifecycle: overrides.lifecycle ?? { handle: async () => undefined },
    inbox,
    notificationSettings: {
      get: async () => defaultNotificationSettings,
      save: async () => {},
      defaultTemplates: () => notImplemented(),
      preview: notImplemented,
      optOuts: async () => [],
      ...overrides.notificationSettings,
    },
    events: overrides.events ?? { byRecord: async () => [] },
    receivedMessages: overrides.receivedMessages ?? { after: async () => [] },
    outgoingWebhookSettings: {
      get: async () => undefined,
      set: async () => undefined,
      rotate: async () => undefined,
      remove: async () => {},
      pendingCount: async () => 0,
      ...overrides.outgoingWebhookSettings,
    },
    restrictions: { current: async () => undefined, latest: async () => [], ...overrides.restrictions },
    queue: { deadLetters: async () => [], replay: async () => false, ...overrides.queue },
    reconciliation: { request: async () => {}, requestAll: async () => 0, ...overrides.reconciliation },
    health: {
      live: () => ({ status: 'ok' }),
      ready: async () => ({
        ready: true,
        status: 'ok',
        dependencies: { database: { status: 'ok', detail: 'pg at db-1' } },
      }),
      ...overrides.health,
    },
    connectUrl: (tokens) => `http://public.example/marketplace/connect#tokens=${tokens.join(',')}`,
    limiters,
    logger: log,
    metrics,
    now: () => now,
    options: {
      publicUrl: 'http://public.example',
      trustProxy,
      allowedOrigins: ['https://allowed.example'],
      frameAncestors: [],
      publicDirectory,
      adminApiKey,
      metricsToken: undefined,
      ...overrides.options,
    },
  });
  const handleWebhook = createWebhookFastPath({
    webhookAuthenticator,
    inbox,
    limiters,
    logger: log,
    metrics,
    trustProxy,
  });
  const server = createServer((request, response) => {
    if (!handleWebhook(request, response)) app(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    app,
    log,
    acceptedWebhooks,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      rmSync(publicDirectory, { recursive: true });
    },
  };
}

function notImplemented(): never {
  throw new Error('Not implemented in this test server');
}

function queuedMessage(
  id: Company['id'],
  { phone, text, idempotencyKey }: Pick<NewMessage, 'phone' | 'text' | 'idempotencyKey'>,
  messageId: string,
): Message {
  return {
    id: messageId,
    companyId: id,
    kind: 'direct',
    phone,
    text,
    recordId: undefined,
    status: 'queued',
    whatsappMessageId: `WA-${idempotencyKey}`,
    attempts: 0,
    errorCode: undefined,
    notBefore: now,
    expiresAt: undefined,
    createdAt: now,
    sentAt: undefined,
    deliveredAt: undefined,
    readAt: undefined,
  };
}

function writePages(): string {
  const directory = mkdtempSync(join(tmpdir(), 'pages-'));
  writeFileSync(join(directory, 'index.html'), '<h1>index</h1>');
  writeFileSync(join(directory, 'connect.html'), '<h1>connect</h1>');
  writeFileSync(join(directory, 'settings.html'), '<h1>settings</h1>');
  writeFileSync(join(directory, 'error.html'), '<h1 data-code="{{code}}">error {{requestId}}</h1>');
  writeFileSync(join(directory, 'styles.css'), 'body { margin: 0 }');
  return directory;
}
