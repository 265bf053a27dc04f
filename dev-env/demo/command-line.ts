import { parseArgs } from 'node:util';

export const usage = `make demo — попробовать всё на одной машине · try everything on one machine

  node dev-env/demo/main.ts [--port N] [--help]

  --port N   порт страницы; маркетплейс займёт N+1; 0 — любые свободные
             port of the page; the marketplace takes N+1; 0 picks free ones
             (по умолчанию · default: PORT или 4100)
  --help     эта справка · this text
`;

export type CommandLine = Readonly<{ help: boolean; port: number }>;

const defaultPort = '4100';
const maxPort = 65_534;

/** @throws Error with a sentence for a person */
export function readCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: { port: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  });
  const text = values.port ?? environment['PORT'] ?? defaultPort;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > maxPort) {
    throw new Error(`Порт — число от 0 до ${maxPort}, а не «${text}» · not a port: ${text}`);
  }
  return { help: values.help, port };
}

/** @returns the sentence for a port that another program holds, undefined for any other error */
export function describePortInUse(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') return undefined;
  const port = 'port' in error ? String(error.port) : '?';
  return (
    `Порт ${port} занят другой программой. Освободите его или выберите другой: PORT=4300 make demo\n` +
    `Port ${port} is taken by another program. Free it or choose another one: PORT=4300 make demo`
  );
}
