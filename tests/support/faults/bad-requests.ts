import { SignJWT } from 'jose';
import type { LinkedSalon } from '../../../dev-env/clients/linked-salon.ts';
import { type ask, companyOf } from '../../../dev-env/clients/test-clients.ts';
import { adminApiKey, clientNumber } from '../../../dev-env/network.ts';

/** A running server with a linked salon and one that is only registered. */
export type World = Readonly<{
  url: string;
  jwtSecret: string;
  platform: Readonly<{ applicationId: number; partnerToken: string }>;
  salon: LinkedSalon;
  otherSalonId: number;
  otherToken: string;
}>;

type Asking = Parameters<typeof ask>;

type BadRequest = Readonly<{
  what: string;
  request: (world: World) => Asking | Promise<Asking>;
  status: number;
  code: string;
}>;

/** What strangers, broken clients and attackers send, and what the contract answers. */
export const badRequests: readonly BadRequest[] = [
  {
    what: 'no token',
    request: (world) => [`${world.url}/marketplace/qr`],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    what: 'a wrong token',
    request: (world) => [`${world.url}/marketplace/qr`, bearer('a.b.c')],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    what: 'a token of another signer',
    request: async (world) => [
      `${world.url}/marketplace/qr`,
      bearer(await tokenOf(world, 600, world.jwtSecret.toUpperCase())),
    ],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    what: 'an expired token',
    request: async (world) => [
      `${world.url}/marketplace/qr`,
      bearer(await tokenOf(world, -600, world.jwtSecret)),
    ],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    what: 'a well-signed token that was never issued',
    request: async (world) => [statusUrl(world), bearer(await tokenOf(world, 600, world.jwtSecret))],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    what: "another company's token",
    request: (world) => [statusUrl(world), bearer(world.otherToken)],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    what: 'a company number that is none',
    request: (world) => [`${world.url}/marketplace/status/1e3`, bearer(world.salon.token)],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    what: 'a pairing code for a bad phone',
    request: (world) => [
      `${world.url}/marketplace/pairing-code`,
      { ...bearer(world.otherToken), body: { phone: '12345' } },
    ],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    what: 'a webhook of 65 KB',
    request: (world) => [world.salon.webhookUrl, { body: webhook(world, { data: 'x'.repeat(65 * 1024) }) }],
    status: 413,
    code: 'VALIDATION_ERROR',
  },
  {
    what: 'a malformed webhook',
    request: (world) => [world.salon.webhookUrl, { body: JSON.stringify(webhook(world)).slice(0, -7) }],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    what: 'a webhook 30,000 levels deep',
    request: (world) => [
      world.salon.webhookUrl,
      { body: JSON.stringify(webhook(world, { data: '@' })).replace('"@"', nested(30_000)) },
    ],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    what: 'a webhook that reaches for the prototype',
    request: (world) => [world.salon.webhookUrl, { body: '{"__proto__":{"isAdmin":true}}' }],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    what: 'a webhook that is a form',
    request: (world) => [
      world.salon.webhookUrl,
      { body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ],
    status: 415,
    code: 'VALIDATION_ERROR',
  },
  {
    what: 'a webhook with a wrong secret',
    request: (world) => [world.salon.webhookUrl.replace(/[^/]+$/, 'wrong'), { body: webhook(world) }],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    what: 'a webhook of an unknown company',
    request: (world) => [world.salon.webhookUrl.replace(/\/\d+\//, '/999999/'), { body: webhook(world) }],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    what: 'a webhook that speaks of another salon',
    request: (world) => [
      world.salon.webhookUrl,
      { body: webhook(world, { company_id: world.otherSalonId }) },
    ],
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    what: "a generic webhook with another company's key",
    request: (world) => [
      `${world.url}/marketplace/webhook/${companyOf(world.otherToken)}`,
      {
        headers: withKey(world),
        body: { type: 'record.create', data: { id: 1 }, timestamp: '2030-01-01T00:00:00Z' },
      },
    ],
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    what: 'a message with a wrong key',
    request: (world) => [
      `${world.url}/marketplace/messages`,
      { headers: withKey(world, { 'x-api-key': 'ymk_wrong' }), body: { phone: clientNumber, text: 'Да' } },
    ],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    what: 'a message to a bad phone',
    request: (world) => [
      `${world.url}/marketplace/messages`,
      { headers: withKey(world), body: { phone: 'позвони', text: 'Да' } },
    ],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    what: 'a message without a text',
    request: (world) => [
      `${world.url}/marketplace/messages`,
      { headers: withKey(world), body: { phone: clientNumber, text: ' ' } },
    ],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    what: 'a message without a key of its own',
    request: (world) => [
      `${world.url}/marketplace/messages`,
      { headers: { 'x-api-key': world.salon.apiKey }, body: { phone: clientNumber, text: 'Да' } },
    ],
    status: 400,
    code: 'VALIDATION_ERROR',
  },
  {
    what: 'an uninstallation with a wrong partner token',
    request: (world) => [
      `${world.url}/marketplace/callback`,
      {
        body: uninstall(world, { partner_token: 'wrong' }),
      },
    ],
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    what: 'an uninstallation without a partner token',
    request: (world) => [
      `${world.url}/marketplace/callback`,
      {
        body: uninstall(world, { partner_token: undefined }),
      },
    ],
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    what: 'an uninstallation of another application',
    request: (world) => [
      `${world.url}/marketplace/callback`,
      {
        body: uninstall(world, { application_id: 1 }),
      },
    ],
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    what: 'a registration by a wrong administrator',
    request: (world) => [
      `${world.url}/marketplace/register`,
      { headers: { 'x-api-key': `${adminApiKey}x` }, body: { salon_id: 510_001 } },
    ],
    status: 401,
    code: 'INVALID_TOKEN',
  },
  {
    what: 'the statistics without a key',
    request: (world) => [`${world.url}/marketplace/companies`],
    status: 401,
    code: 'INVALID_TOKEN',
  },
];

function bearer(token: string) {
  return { headers: { authorization: `Bearer ${token}` } };
}

function statusUrl({ url, salon }: World): string {
  return `${url}/marketplace/status/${salon.companyId}`;
}

function withKey({ salon }: World, changes: Readonly<Record<string, string>> = {}) {
  return { 'x-api-key': salon.apiKey, 'idempotency-key': 'bad-input', ...changes };
}

function webhook({ salon }: World, changes: Readonly<Record<string, unknown>> = {}) {
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

function nested(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels);
}

function uninstall({ salon, platform }: World, changes: Readonly<Record<string, unknown>>) {
  return {
    salon_id: salon.salonId,
    application_id: platform.applicationId,
    event: 'uninstall',
    partner_token: platform.partnerToken,
    ...changes,
  };
}

async function tokenOf({ salon }: World, expiresInSeconds: number, secret: string): Promise<string> {
  return await new SignJWT({ company_id: salon.companyId })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('yclients-marketplace')
    .setAudience('connect-page')
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInSeconds)
    .sign(Buffer.from(secret));
}
