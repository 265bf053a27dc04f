import { once } from 'node:events';
import { ConfigError } from './config/config-error.ts';
import { loadConfig, type LoadedConfig } from './config/config.ts';
import { makeDirectories } from './config/directories.ts';
import { processEnvironment } from './config/env.ts';
import { loadSecrets } from './config/secrets.ts';
import { findStartupFailure, startupFailureMessage } from './config/startup-failure.ts';
import { createContext } from './context.ts';
import { shutdownSignal } from './lib/async/shutdown-signal.ts';
import { createLogger, type Logger } from './observability/logger.ts';
import { MarketplaceServer } from './server.ts';

/** 78 is EX_CONFIG of sysexits.h: a supervisor must not restart the process until the configuration is corrected. */
const exitCodes = { stopped: 0, failed: 1, badConfiguration: 78 } as const;

/** Serves until SIGTERM or SIGINT. Leaving the scope disposes everything in reverse order. */
async function serve(loaded: LoadedConfig, logger: Logger, shutdown: AbortSignal): Promise<void> {
  const { config, environment, warnings } = loaded;
  for (const warning of warnings) logger.warn(warning);
  const secrets = loadSecrets(environment, config.directories.data);
  await using server = await MarketplaceServer.listen(config.http);
  const publicUrl = config.http.publicUrl ?? server.url;
  logger.info('Starting', { listening: server.url });
  await using context = await createContext({ config, secrets, publicUrl, logger });
  await using _serving = server.serve(context);
  if (!shutdown.aborted) await context.start();
  if (!shutdown.aborted) {
    logger.info('Ready', { listening: server.url, publicUrl, database: config.database.kind });
    await once(shutdown, 'abort');
  }
  logger.info('Stopping', { signal: shutdown.reason });
}

async function run(): Promise<void> {
  const shutdown = shutdownSignal();
  const loaded = loadConfig(processEnvironment());
  const { config } = loaded;
  makeDirectories(config);
  await using logger = createLogger({
    level: config.logLevel,
    directory: config.directories.logs,
    console: true,
    context: { service: 'yclients-marketplace', instance: config.instanceId },
  });
  try {
    await serve(loaded, logger, shutdown);
    logger.info('Stopped');
  } catch (error) {
    logger.error('Stopped after an error', { error: findStartupFailure(error)?.message ?? error });
    throw error;
  }
}

try {
  await run();
  process.exit(exitCodes.stopped);
} catch (error) {
  const isConfigError = error instanceof ConfigError;
  process.stderr.write(`${isConfigError ? error.message : startupFailureMessage(error)}\n`);
  const isMisconfigured = isConfigError || findStartupFailure(error)?.misconfigured === true;
  process.exit(isMisconfigured ? exitCodes.badConfiguration : exitCodes.failed);
}
