import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../../src/domain/errors/app-error.ts';
import { entityWebhookRoute } from '../../../src/http/webhook-fast-path.ts';
import { startHttpTestServer } from '../../support/servers/http-test-server.ts';

const documentation = readFileSync('docs/api.md', 'utf8');

type Layer = Readonly<{
  route?: Readonly<{ path: string; methods: Readonly<Record<string, boolean>> }>;
  handle: Readonly<{ stack?: readonly Layer[] }>;
}>;

/** What Express matches, as `GET /path`. */
function routesOf(layers: readonly Layer[]): string[] {
  return layers.flatMap(({ route, handle }) =>
    route === undefined
      ? routesOf(handle.stack ?? [])
      : Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${route.path}`),
  );
}

describe('docs/api.md', () => {
  it('names every route of the server, and none besides', async () => {
    await using server = await startHttpTestServer();
    const { stack } = server.app.router as unknown as Readonly<{ stack: readonly Layer[] }>;
    const routes = [...routesOf(stack), `POST ${entityWebhookRoute}`];
    expect(routes.length).toBeGreaterThan(30);
    const named = documentation.matchAll(/`((?:GET|POST|PUT|PATCH|DELETE) \/[^\s`?]*)/g);
    const documented = new Set(Array.from(named, ([, route = '']) => route));
    expect([...documented].toSorted()).toEqual(routes.toSorted());
  });

  it.each(Object.entries(errorCodes))('says which status %s has', (code, { httpStatus }) => {
    const row = documentation.split('\n').find((line) => line.startsWith(`| \`${code}\` |`));
    expect(row?.split('|')[2]).toContain(String(httpStatus));
  });
});
