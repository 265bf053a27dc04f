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

/** The routes registered in Express, as `GET /path`. */
function listRoutes(layers: readonly Layer[]): string[] {
  return layers.flatMap(({ route, handle }) =>
    route === undefined
      ? listRoutes(handle.stack ?? [])
      : Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${route.path}`),
  );
}

describe('docs/api.md', () => {
  it('lists exactly the routes of the server', async () => {
    await using server = await startHttpTestServer();
    const { stack } = server.app.router as unknown as Readonly<{ stack: readonly Layer[] }>;
    const routes = [...listRoutes(stack), `POST ${entityWebhookRoute}`];
    expect(routes.length).toBeGreaterThan(30);
    const mentions = documentation.matchAll(/`((?:GET|POST|PUT|PATCH|DELETE) \/[^\s`?]*)/g);
    const documented = new Set(Array.from(mentions, ([, route = '']) => route));
    expect([...documented].toSorted()).toEqual(routes.toSorted());
  });

  it.each(Object.entries(errorCodes))('gives the HTTP status of %s', (code, { httpStatus }) => {
    const row = documentation.split('\n').find((line) => line.startsWith(`| \`${code}\` |`));
    expect(row?.split('|')[2]).toContain(String(httpStatus));
  });
});
