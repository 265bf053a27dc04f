import { ConfigError, loadConfig } from './config/config.ts';
import { processEnvironment, readEnvironment } from './config/env.ts';
import { loadSecrets } from './config/secrets.ts';
import { createContext } from './context.ts';
import { createLogger } from './observability/logger.ts';
import { MarketplaceServer } from './server.ts';
import { stopSignal } from './stop-signal.ts';

/** BSD's EX_CONFIG: a supervisor must not start us again before somebody has corrected the configuration. */
const exitCodes = { stopped: 0, failed: 1, badConfiguration: 78 } as const;

/** Serves until SIGTERM or SIGINT. Stopping is leaving the scope: everything is closed in the reverse order. */
async function run(): Promise<void> {
  const { values, problems } = readEnvironment(processEnvironment());
  const { config, checked } = loadConfig(values, problems);
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
    await using context = await createContext({ config, secrets, publicUrl, logger });
    await using _serving = server.serve(context);
    await context.start();
    logger.info('Ready', { listening: server.url, publicUrl, database: config.database.kind });
    logger.info('Stopping', { signal: await stopSignal() });
  } catch (error) {
    logger.error('Stopped by an error', { error });
    throw error;
  }
}

try {
  await run();
  process.exit(exitCodes.stopped);
} catch (error) {
  if (error instanceof ConfigError) process.stderr.write(`${error.message}\n`);
  process.exit(error instanceof ConfigError ? exitCodes.badConfiguration : exitCodes.failed);
}
