import { once } from 'node:events';
import { inspect } from 'node:util';
import { ConfigError } from './config/config-error.ts';
import { loadConfig } from './config/config.ts';
import { makeDirectories } from './config/directories.ts';
import { processEnvironment, readEnvironment } from './config/env.ts';
import { loadSecrets } from './config/secrets.ts';
import { createContext } from './context.ts';
import { createLogger } from './observability/logger.ts';
import { redactText } from './observability/redact.ts';
import { MarketplaceServer } from './server.ts';
import { stopSignal } from './stop-signal.ts';

/** BSD's EX_CONFIG: a supervisor must not start us again before somebody has corrected the configuration. */
const exitCodes = { stopped: 0, failed: 1, badConfiguration: 78 } as const;

/** Serves until SIGTERM or SIGINT. Stopping is leaving the scope: everything is closed in the reverse order. */
async function run(): Promise<void> {
  const stop = stopSignal();
  const { values, problems } = readEnvironment(processEnvironment());
  const loaded = loadConfig(values, problems);
  makeDirectories(loaded);
  const { config, checked } = loaded;
  await using logger = createLogger({
    level: config.logLevel,
    directory: config.directories.logs,
    console: true,
    context: { service: 'yclients-marketplace', instance: config.instanceId },
  });
  try {
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
  } catch (error) {
    logger.error('Stopped by an error', { error });
    throw error;
  }
}

try {
  await run();
  process.exit(exitCodes.stopped);
} catch (error) {
  const wrong = error instanceof ConfigError;
  process.stderr.write(wrong ? `${error.message}\n` : `${redactText(inspect(error))}\n`);
  process.exit(wrong ? exitCodes.badConfiguration : exitCodes.failed);
}
