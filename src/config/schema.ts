import Joi from 'joi';
import type { PacingProfile } from '../domain/notification/pacing.ts';
import { type LogLevel, logLevels } from '../observability/logger.ts';
import { type Environment, type VariableName, variableNames } from './env.ts';

/** The validated environment, with defaults applied. */
export type CheckedEnvironment = Readonly<{
  NODE_ENV: 'development' | 'test' | 'production';
  HOST: string;
  PORT: number;
  PUBLIC_URL?: string;
  TRUST_PROXY: number;
  ALLOWED_ORIGINS: readonly string[];
  FRAME_ANCESTORS: readonly string[];
  DATA_DIR: string;
  SESSIONS_DIR: string;
  LOG_DIR: string;
  LOG_LEVEL: LogLevel;
  JWT_SECRET?: string;
  ENCRYPTION_KEYS?: readonly Readonly<{ id: string; key: Uint8Array }>[];
  ADMIN_API_KEY?: string;
  METRICS_TOKEN?: string;
  SUPABASE_URL?: string;
  SUPABASE_SERVICE_ROLE_KEY?: string;
  DATABASE_URL?: string;
  SESSION_STORE?: 'local' | 'database';
  YCLIENTS_API_URL: string;
  YCLIENTS_PARTNER_TOKEN: string;
  YCLIENTS_USER_TOKEN: string;
  YCLIENTS_APPLICATION_ID: number;
  WHATSAPP_WS_URL?: string;
  WHATSAPP_VERSION?: readonly [number, number, number];
  PACING_PROFILE: PacingProfile;
  NOTIFY_DEBOUNCE_SECONDS: number;
  WEBHOOK_BATCH_SIZE: number;
  WEBHOOK_BATCH_WAIT_MS: number;
  WEBHOOK_WORKER_BATCH: number;
  INSTANCE_ID?: string;
}>;

/** Credentials of the YCLIENTS simulator; rejected in production. */
export const demoYclients = {
  partnerToken: 'sim_partner_token_0001',
  userToken: 'sim_user_token_0001',
  applicationId: 4242,
} as const;

const originList = Joi.string().custom((value: string, helpers) => {
  const origins = value.split(',').map((origin) => origin.trim());
  return origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin)
    ? origins
    : helpers.message({ custom: '{{#label}} must be origins such as https://a.example,https://b.example' });
});

const encryptionKeys = Joi.string().custom((value: string, helpers) => {
  const keys = value.split(',').map((pair) => {
    const [id = '', base64 = ''] = pair.trim().split(/:(.*)/, 2);
    return { id, key: Buffer.from(base64, 'base64') };
  });
  return keys.every(({ id, key }) => /^[\w-]{1,32}$/.test(id) && key.length === 32) &&
    new Set(keys.map(({ id }) => id)).size === keys.length
    ? keys
    : helpers.message({
        custom: '{{#label}} must be id:base64,id:base64 with 32 bytes in each key and no id twice',
      });
});

/** Joi accepts URLs that cannot be parsed, such as one with port 99999. */
function urlSchema(scheme: string[], example: string) {
  const uri = Joi.string().uri({ scheme });
  return Joi.string().custom((value: string, helpers) =>
    uri.validate(value).error === undefined && URL.canParse(value)
      ? value
      : helpers.message({ custom: `{{#label}} must be an address such as ${example}` }),
  );
}

const webUrl = urlSchema(['http', 'https'], 'https://wa.example.com');

const databaseUrl = urlSchema(
  ['postgres', 'postgresql'],
  'postgres://user:password@host:5432/name, with @ : / # ? in the password as %40 %3A %2F %23 %3F',
);

/** A value that can be sent in an HTTP header. */
const headerText = Joi.string().pattern(/^[ -~]+$/, 'Latin letters, digits and signs on one line');

/** A URL to which paths are appended. */
const baseUrl = webUrl.custom((value: string, helpers) => {
  if (!URL.canParse(value)) return value;
  const { username, password } = new URL(value);
  return /[?#]/.test(value) || username !== '' || password !== ''
    ? helpers.message({ custom: '{{#label}} must have no query, no fragment and no password' })
    : value;
});

const origin = webUrl.custom((value: string, helpers) =>
  !URL.canParse(value) || new URL(value).href === `${new URL(value).origin}/`
    ? value
    : helpers.message({
        custom: '{{#label}} must be an origin such as https://api.yclients.com, without a path',
      }),
);

const schema = Joi.object<CheckedEnvironment>({
  NODE_ENV: Joi.valid('development', 'test', 'production').default('development'),
  HOST: Joi.string().hostname().default('127.0.0.1').messages({
    'string.hostname': '{{#label}} must be an address or a name such as 127.0.0.1, without port or brackets',
  }),
  PORT: Joi.number().integer().min(0).max(65_535).default(3000),
  PUBLIC_URL: baseUrl,
  TRUST_PROXY: Joi.number()
    .integer()
    .min(0)
    .max(10)
    .default(0)
    .messages({ 'number.base': '{{#label}} must be the number of proxies in front, such as 1' }),
  ALLOWED_ORIGINS: originList.default([]),
  FRAME_ANCESTORS: originList.default([]),
  DATA_DIR: Joi.string().default('data'),
  SESSIONS_DIR: Joi.string().default('sessions'),
  LOG_DIR: Joi.string().default('logs'),
  LOG_LEVEL: Joi.valid(...logLevels).default('info'),
  JWT_SECRET: Joi.string().min(32),
  ENCRYPTION_KEYS: encryptionKeys,
  ADMIN_API_KEY: headerText.min(24),
  METRICS_TOKEN: headerText.min(16),
  SUPABASE_URL: baseUrl,
  SUPABASE_SERVICE_ROLE_KEY: headerText,
  DATABASE_URL: databaseUrl,
  SESSION_STORE: Joi.valid('local', 'database'),
  YCLIENTS_API_URL: origin.default('https://api.yclients.com'),
  YCLIENTS_PARTNER_TOKEN: headerText.default(demoYclients.partnerToken),
  YCLIENTS_USER_TOKEN: headerText.default(demoYclients.userToken),
  YCLIENTS_APPLICATION_ID: Joi.number().integer().positive().default(demoYclients.applicationId),
  WHATSAPP_WS_URL: urlSchema(['ws', 'wss'], 'ws://127.0.0.1:4200/ws'),
  WHATSAPP_VERSION: Joi.string()
    .pattern(/^\d+,\d+,\d+$/, 'three numbers such as 2,3000,1043857760')
    .custom((value: string) => value.split(',').map(Number)),
  PACING_PROFILE: Joi.valid('careful', 'steady', 'none').default('careful'),
  NOTIFY_DEBOUNCE_SECONDS: Joi.number().integer().min(0).max(3600).default(20),
  WEBHOOK_BATCH_SIZE: Joi.number().integer().min(1).max(5000).default(500),
  WEBHOOK_BATCH_WAIT_MS: Joi.number().integer().min(0).max(1000).default(0),
  WEBHOOK_WORKER_BATCH: Joi.number().integer().min(1).max(100).default(10),
  INSTANCE_ID: Joi.string().pattern(/^[\w.:-]{1,100}$/, 'letters, digits and . : _ -'),
}).prefs({
  abortEarly: false,
  errors: { wrap: { label: false } },
  messages: {
    'string.pattern.name': '{{#label}} must be {{#name}}',
  },
});

/** @returns the checked values, unless there are problems; each is a sentence that begins with the variable's name */
export function checkEnvironment(
  values: Environment,
): Readonly<{ environment: CheckedEnvironment | undefined; problems: readonly string[] }> {
  const result = schema.validate(values);
  const problems = [
    ...(result.error?.details.map(({ message }) => message) ?? []),
    ...contradictions(values),
    ...(values.NODE_ENV === 'production' ? productionProblems(values) : []),
  ];
  return result.error === undefined && problems.length === 0
    ? { environment: result.value, problems }
    : { environment: undefined, problems };
}

function contradictions(env: Environment): string[] {
  const problems: string[] = [];
  if (env.SUPABASE_URL !== undefined) {
    if (env.SUPABASE_SERVICE_ROLE_KEY === undefined)
      problems.push('SUPABASE_SERVICE_ROLE_KEY is required when SUPABASE_URL is set');
    if (env.DATABASE_URL === undefined)
      problems.push("DATABASE_URL is required when SUPABASE_URL is set: the job queue's direct connection");
  } else if (env.SUPABASE_SERVICE_ROLE_KEY !== undefined) {
    problems.push('SUPABASE_SERVICE_ROLE_KEY is set without SUPABASE_URL; set both or neither');
  }
  if (env.SESSION_STORE === 'local' && env.DATABASE_URL !== undefined && env.NODE_ENV === 'production')
    problems.push('SESSION_STORE=local contradicts DATABASE_URL in production: use database');
  if (env.PACING_PROFILE === 'none' && !isLoopback(env.WHATSAPP_WS_URL))
    problems.push(
      'PACING_PROFILE=none is for a WHATSAPP_WS_URL on a loopback address only; use careful or steady',
    );
  if (env.NODE_ENV !== 'production' && isPlainHttp(env.YCLIENTS_API_URL) && !isLoopback(env.YCLIENTS_API_URL))
    problems.push('YCLIENTS_API_URL must begin with https:// unless it is a loopback address');
  return problems;
}

const requiredInProduction: Readonly<Partial<Record<VariableName, string>>> = {
  PUBLIC_URL: 'the public https URL of this service',
  JWT_SECRET: 'at least 32 characters, for example from: openssl rand -base64 48',
  ENCRYPTION_KEYS:
    'id:base64 of 32 random bytes, for example "k1:" and the output of: openssl rand -base64 32',
  YCLIENTS_PARTNER_TOKEN: 'the partner token from the YCLIENTS developer account',
  YCLIENTS_USER_TOKEN: "the system user's token of the application",
  YCLIENTS_APPLICATION_ID: "the application's number in the marketplace",
};

function productionProblems(env: Environment): string[] {
  const problems: string[] = [];
  for (const name of variableNames) {
    const hint = requiredInProduction[name];
    if (hint !== undefined && env[name] === undefined)
      problems.push(`${name} is required in production: ${hint}`);
  }
  for (const name of ['PUBLIC_URL', 'YCLIENTS_API_URL'] as const) {
    if (isPlainHttp(env[name])) problems.push(`${name} must begin with https:// in production`);
  }
  if (
    env.YCLIENTS_PARTNER_TOKEN === demoYclients.partnerToken ||
    env.YCLIENTS_USER_TOKEN === demoYclients.userToken
  )
    problems.push('YCLIENTS_PARTNER_TOKEN and YCLIENTS_USER_TOKEN must not be the demo values in production');
  if (env.WHATSAPP_WS_URL !== undefined && !isLoopback(env.WHATSAPP_WS_URL))
    problems.push('WHATSAPP_WS_URL may only be a loopback address in production; leave it unset');
  return problems;
}

function isPlainHttp(url: string | undefined): boolean {
  return url !== undefined && /^http:/i.test(url);
}

function isLoopback(url: string | undefined): boolean {
  if (url === undefined || !URL.canParse(url)) return false;
  const host = new URL(url).hostname;
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
