import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { PacingProfile } from '../domain/notification/pacing.ts';
import type { LogLevel } from '../observability/logger.ts';
import { ConfigError } from './config-error.ts';
import { type RawEnvironment, readEnvironment } from './env.ts';
import { type CheckedEnvironment, checkEnvironment, demoYclients } from './schema.ts';

/** The settings without the secrets, so that they can be logged. */
export type Config = Readonly<{
  production: boolean;
  instanceId: string;
  http: Readonly<{
    host: string;
    /** 0 picks a free port. */
    port: number;
    /** Without a trailing slash. Undefined: the address that the server listens on. */
    publicUrl: string | undefined;
    /** Exact number of proxies in front. */
    trustProxy: number;
    /** Empty: only the origin of the public URL. */
    allowedOrigins: readonly string[];
    frameAncestors: readonly string[];
  }>;
  directories: Readonly<{ data: string; sessions: string; logs: string }>;
  logLevel: LogLevel;
  /** The address is a secret. */
  database: Readonly<{ kind: 'embedded' | 'postgres' | 'supabase' }>;
  sessionStore: 'local' | 'database';
  yclients: Readonly<{ apiUrl: string; applicationId: number }>;
  whatsapp: Readonly<{
    webSocketUrl: string | undefined;
    version: readonly [number, number, number] | undefined;
  }>;
  pacing: PacingProfile;
  /** Delay in which further changes of a booking replace the queued message. */
  notifyDebounceMs: number;
  webhooks: Readonly<{
    /** Maximum number of webhooks in one commit. */
    batchSize: number;
    /** How long a commit waits for further webhooks. */
    batchWaitMs: number;
    /** Webhooks processed concurrently. */
    concurrency: number;
  }>;
}>;

export type LoadedConfig = Readonly<{
  config: Config;
  /** Contains the secrets: see `loadSecrets`. */
  environment: CheckedEnvironment;
  /** Settings that are valid but probably not intended, a sentence each. */
  warnings: readonly string[];
}>;

/** Reads, checks and translates the variables. @throws ConfigError with every problem at once */
export function loadConfig(raw: RawEnvironment): LoadedConfig {
  const { values, problems: readProblems } = readEnvironment(raw);
  const { environment, problems: invalid } = checkEnvironment(values);
  const problems = [...readProblems, ...invalid];
  if (environment === undefined || problems.length > 0) throw new ConfigError(problems);
  const config = toConfig(environment);
  return { config, environment, warnings: findWarnings(config, environment) };
}

function toConfig(env: CheckedEnvironment): Config {
  const kind = databaseKind(env);
  return {
    production: env.NODE_ENV === 'production',
    instanceId: env.INSTANCE_ID ?? `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`,
    http: {
      host: env.HOST,
      port: env.PORT,
      publicUrl: env.PUBLIC_URL?.replace(/\/+$/, ''),
      trustProxy: env.TRUST_PROXY,
      allowedOrigins: env.ALLOWED_ORIGINS,
      frameAncestors: env.FRAME_ANCESTORS,
    },
    directories: {
      data: resolve(env.DATA_DIR),
      sessions: resolve(env.SESSIONS_DIR),
      logs: resolve(env.LOG_DIR),
    },
    logLevel: env.LOG_LEVEL,
    database: { kind },
    sessionStore: env.SESSION_STORE ?? (kind === 'embedded' ? 'local' : 'database'),
    yclients: {
      apiUrl: env.YCLIENTS_API_URL.replace(/\/+$/, ''),
      applicationId: env.YCLIENTS_APPLICATION_ID,
    },
    whatsapp: { webSocketUrl: env.WHATSAPP_WS_URL, version: env.WHATSAPP_VERSION },
    pacing: env.PACING_PROFILE,
    notifyDebounceMs: env.NOTIFY_DEBOUNCE_SECONDS * 1_000,
    webhooks: {
      batchSize: env.WEBHOOK_BATCH_SIZE,
      batchWaitMs: env.WEBHOOK_BATCH_WAIT_MS,
      concurrency: env.WEBHOOK_WORKER_BATCH,
    },
  };
}

function databaseKind(env: CheckedEnvironment): Config['database']['kind'] {
  if (env.SUPABASE_URL !== undefined) return 'supabase';
  return env.DATABASE_URL === undefined ? 'embedded' : 'postgres';
}

function findWarnings(config: Config, env: CheckedEnvironment): string[] {
  const isDemoToken = env.YCLIENTS_PARTNER_TOKEN === demoYclients.partnerToken;
  const isRealApi = !config.yclients.apiUrl.startsWith('http://');
  return [
    ...(isDemoToken && isRealApi
      ? ['YCLIENTS_PARTNER_TOKEN is a demo value: YCLIENTS will reject every registration']
      : []),
    ...(config.production && config.http.trustProxy === 0
      ? ['TRUST_PROXY is 0: if there is a proxy in front, all visitors share its address and its rate limits']
      : []),
    ...(config.production && config.whatsapp.webSocketUrl !== undefined
      ? ['WHATSAPP_WS_URL is set: messages go to a simulated WhatsApp and reach no client; leave it unset']
      : []),
  ];
}
