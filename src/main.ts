import { once } from 'node:events';
import { ConfigError } from './config/config-error.ts';
import { loadConfig, type LoadedConfig } from './config/config.ts';
import { makeDirectories } from './config/directories.ts';
import { processEnvironment, readEnvironment } from './config/env.ts';
import { loadSecrets } from './config/secrets.ts';
import { warningsOf } from './config/warnings.ts';
import { createContext } from './context.ts';
import { createLogger, type Logger } from './observability/logger.ts';
import { MarketplaceServer } from './server.ts';
import { reasonOf, startFailure } from './config/startup-failure.ts';
import { stopSignal } from './lib/async/shutdown-signal.ts';

/** BSD's EX_CONFIG: a supervisor must not start us again before somebody has corrected the configuration. */
const exitCodes = { stopped: 0, failed: 1, badConfiguration: 78 } as const;

/** Serves until SIGTERM or SIGINT. Stopping is leaving the scope: everything is closed in the reverse order. */
async function serve(loaded: LoadedConfig, logger: Logger, stop: AbortSignal): Promise<void> {
  const { config, checked } = loaded;
  for (const warning of warningsOf(config, checked)) logger.warn(warning);
  const secrets = loadSecrets(checked, config.directories.data);
  await using server = await MarketplaceServer.listen(config.http);
  const publicUrl = config.http.publicUrl ?? server.url;
  logger.info('Starting', { listening: server.url });
  await using context = await createContext({ config, secrets, publicUrl, logger });
  await using _serving = server.serve(context);
  if (!stop.aborted) await context.start();
  if (!stop.aborted) {
    logger.info('Ready', { listening: server.url, publicUrl, database: config.database.kind });
    await once(stop, 'abort');
  }
  logger.info('Stopping', { signal: stop.reason });
}

async function run(): Promise<void> {
  const stop = stopSignal();
  const { values, problems } = readEnvironment(processEnvironment());
  const loaded = loadConfig(values, problems);
  makeDirectories(loaded.config);
  const { config } = loaded;
  await using logger = createLogger({
    level: config.logLevel,
    directory: config.directories.logs,
    console: true,
    context: { service: 'yclients-marketplace', instance: config.instanceId },
  });
  try {
    await serve(loaded, logger, stop);
    logger.info('Stopped');
  } catch (error) {
    logger.error('Stopped by an error', { error: reasonOf(error)?.sentence ?? error });
    throw error;
  }
}

try {
  await run();
  process.exit(exitCodes.stopped);
} catch (error) {
  const isConfigError = error instanceof ConfigError;
  process.stderr.write(`${isConfigError ? error.message : startFailure(error)}\n`);
  const isMisconfigured = isConfigError || reasonOf(error)?.misconfigured === true;
  process.exit(isMisconfigured ? exitCodes.badConfiguration : exitCodes.failed);
}
