import { SignJWT } from 'jose';
import type { LinkedSalon } from '../../../dev-env/clients/linked-salon.ts';
import { type sendRequest, companyIdFromToken } from '../../../dev-env/clients/test-clients.ts';
import { adminApiKey, clientNumber } from '../../../dev-env/network.ts';

/** A running server with a linked salon and one that is only registered. */
export type BadRequestContext = Readonly<{
  url: string;
  jwtSecret: string;
  platform: Readonly<{ applicationId: number; partnerToken: string }>;
  salon: LinkedSalon;
  otherSalonId: number;
  otherToken: string;
}>;

type RequestArgs = Parameters<typeof sendRequest>;

type BadRequest = Readonly<{
  description: string;
  request: (world: BadRequestContext) => RequestArgs | Promise<RequestArgs>;
  status: number;
  code: string;
}>;

/** Invalid and hostile requests with the response that the API specifies. */
export const badRequests: readonly BadRequest[] = [
  {
    description: 'no token',
    request: (context) => [`${context.url}/marketplace/qr`],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    description: 'a wrong token',
    request: (context) => [`${context.url}/marketplace/qr`, bearer('a.b.c')],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    description: 'a token of another signer',
    request: async (context) => [
      `${context.url}/marketplace/qr`,
      bearer(await signToken(context, 600, context.jwtSecret.toUpperCase())),
    ],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    description: 'an expired token',
    request: async (context) => [
      `${context.url}/marketplace/qr`,
      bearer(await signToken(context, -600, context.jwtSecret)),
    ],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    description: 'a correctly signed token that was not issued',
    request: async (context) => [
      statusUrl(context),
      bearer(await signToken(context, 600, context.jwtSecret)),
    ],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    description: "another company's token",
    request: (context) => [statusUrl(context), bearer(context.otherToken)],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    description: 'an invalid company id',
    request: (context) => [`${context.url}/marketplace/status/1e3`, bearer(context.salon.token)],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    description: 'a pairing code for a bad phone',
    request: (context) => [
      `${context.url}/marketplace/pairing-code`,
      { ...bearer(context.otherToken), body: { phone: '12345' } },
    ],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    description: 'a webhook of 65 KB',
    request: (context) => [
      context.salon.webhookUrl,
      { body: webhook(context, { data: 'x'.repeat(65 * 1024) }) },
    ],
    status: 413,
    code: 'VALIDATION_ERROR',
  },
  {
    description: 'a malformed webhook',
    request: (context) => [context.salon.webhookUrl, { body: JSON.stringify(webhook(context)).slice(0, -7) }],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    description: 'a webhook 30,000 levels deep',
    request: (context) => [
      context.salon.webhookUrl,
      { body: JSON.stringify(webhook(context, { data: '@' })).replace('"@"', nestedArrays(30_000)) },
    ],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    description: 'a webhook with a __proto__ key',
    request: (context) => [context.salon.webhookUrl, { body: '{"__proto__":{"isAdmin":true}}' }],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    description: 'a webhook with a form body',
    request: (context) => [
      context.salon.webhookUrl,
      { body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ],
    status: 415,
    code: 'VALIDATION_ERROR',
  },
  {
    description: 'a webhook with a wrong secret',
    request: (context) => [context.salon.webhookUrl.replace(/[^/]+$/, 'wrong'), { body: webhook(context) }],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    description: 'a webhook of an unknown company',
    request: (context) => [
      context.salon.webhookUrl.replace(/\/\d+\//, '/999999/'),
      { body: webhook(context) },
    ],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    description: 'a webhook about another salon',
    request: (context) => [
      context.salon.webhookUrl,
      { body: webhook(context, { company_id: context.otherSalonId }) },
    ],
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    description: "a generic webhook with another company's key",
    request: (context) => [
      `${context.url}/marketplace/webhook/${companyIdFromToken(context.otherToken)}`,
      {
        headers: apiKeyHeaders(context),
        body: { type: 'record.create', data: { id: 1 }, timestamp: '2030-01-01T00:00:00Z' },
      },
    ],
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    description: 'a message with a wrong key',
    request: (context) => [
      `${context.url}/marketplace/messages`,
      {
        headers: apiKeyHeaders(context, { 'x-api-key': 'ymk_wrong' }),
        body: { phone: clientNumber, text: 'Да' },
      },
    ],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    description: 'a message to a bad phone',
    request: (context) => [
      `${context.url}/marketplace/messages`,
      { headers: apiKeyHeaders(context), body: { phone: 'позвони', text: 'Да' } },
    ],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    description: 'a message without a text',
    request: (context) => [
      `${context.url}/marketplace/messages`,
      { headers: apiKeyHeaders(context), body: { phone: clientNumber, text: ' ' } },
    ],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    description: 'a message without an idempotency key',
    request: (context) => [
      `${context.url}/marketplace/messages`,
      { headers: { 'x-api-key': context.salon.apiKey }, body: { phone: clientNumber, text: 'Да' } },
    ],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    description: 'an uninstallation with a wrong partner token',
    request: (context) => [
      `${context.url}/marketplace/callback`,
      {
        body: uninstall(context, { partner_token: 'wrong' }),
      },
    ],
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    description: 'an uninstallation without a partner token',
    request: (context) => [
      `${context.url}/marketplace/callback`,
      {
        body: uninstall(context, { partner_token: undefined }),
      },
    ],
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    description: 'an uninstallation of another application',
    request: (context) => [
      `${context.url}/marketplace/callback`,
      {
        body: uninstall(context, { application_id: 1 }),
      },
    ],
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    description: 'a registration with a wrong admin key',
    request: (context) => [
      `${context.url}/marketplace/register`,
      { headers: { 'x-api-key': `${adminApiKey}x` }, body: { salon_id: 510_001 } },
    ],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    description: 'the statistics without an admin key',
    request: (context) => [`${context.url}/marketplace/companies`],
    status: 401,
    code: 'INVALID_TOKEN',
  },
];

function bearer(token: string) {
  return { headers: { authorization: `Bearer ${token}` } };
}

function statusUrl({ url, salon }: BadRequestContext): string {
  return `${url}/marketplace/status/${salon.companyId}`;
}

function apiKeyHeaders({ salon }: BadRequestContext, changes: Readonly<Record<string, string>> = {}) {
  return { 'x-api-key': salon.apiKey, 'idempotency-key': 'bad-input', ...changes };
}

function webhook({ salon }: BadRequestContext, changes: Readonly<Record<string, unknown>> = {}) {
  return {
    company_id: salon.salonId,
    resource: 'record',
    resource_id: 770_001,
    status: 'create',
    data: {
      date: '2030-03-10 14:30:00',
      client: { name: 'Анна', phone: '79004445566' },
      services: [{ id: 1, title: 'Стрижка' }],
    },
    ...changes,
  };
}

function nestedArrays(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels);
}

function uninstall({ salon, platform }: BadRequestContext, changes: Readonly<Record<string, unknown>>) {
  return {
    salon_id: salon.salonId,
    application_id: platform.applicationId,
    event: 'uninstall',
    partner_token: platform.partnerToken,
    ...changes,
  };
}

async function signToken(
  { salon }: BadRequestContext,
  expiresInSeconds: number,
  secret: string,
): Promise<string> {
  return await new SignJWT({ company_id: salon.companyId })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('yclients-marketplace')
    .setAudience('connect-page')
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInSeconds)
    .sign(Buffer.from(secret));
}
