import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../../src/domain/errors/app-error.ts';
import { createPostgrestFetch } from '../../../../src/storage/rpc/in-process-postgrest.ts';
import { hostileStrings } from '../../../support/faults/hostile-strings.ts';
import { bookingState } from '../../../support/fixtures/bookings.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { newMessage, registerCompany, useStore } from '../../../support/fixtures/storage.ts';

describe.each(engines({ both: 'Statement errors come from two drivers, with different codes and texts' }))(
  'database functions in $name',
  ({ make }) => {
    const store = useStore(make);

    it('are the only access: row level security everywhere, no grants to anon and authenticated', async () => {
      const tables = await query(`
      select relname, relrowsecurity as secured,
        has_table_privilege('anon', oid, 'select, insert, update, delete, truncate')
          or has_table_privilege('authenticated', oid, 'select, insert, update, delete, truncate') as open
      from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')`);
      const functions = await query(`
      select proname, prosecdef as definer, coalesce(proconfig, '{}') @> array['search_path=""'] as pinned,
        has_function_privilege('anon', oid, 'execute') or has_function_privilege('authenticated', oid, 'execute')
          or proacl is null or exists (select from aclexplode(proacl) where grantee = 0) as open
      from pg_proc where pronamespace = 'public'::regnamespace`);
      const policies = await query(`select policyname from pg_policies where schemaname = 'public'`);

      expect(tables.length).toBeGreaterThanOrEqual(8);
      expect(tables.filter(({ secured, open }) => secured !== true || open === true)).toEqual([]);
      expect(functions.length).toBeGreaterThan(20);
      expect(functions.filter(({ pinned, open }) => pinned !== true || open === true)).toEqual([]);
      expect(policies).toEqual([]);
      for (const role of ['anon', 'authenticated']) {
        await expect(
          store.database.sql.transaction(async (session) => {
            await session.exec(`set local role ${role}`);
            await session.query('select * from public.company_by_id(1)');
          }),
        ).rejects.toMatchObject({ code: '42501' });
      }
    });

    it('store hostile text unchanged or reject it as invalid', async () => {
      const { events } = store.repositories;
      const company = await registerCompany(store.repositories);
      const outcomes = new Map<string, unknown>();

      for (const text of hostileStrings()) {
        outcomes.set(
          text,
          await events.record({ companyId: company.id, type: 'hostile', cause: text, detail: { text } }).then(
            async () => (await events.latest(company.id, 1))[0],
            (error: unknown) => error,
          ),
        );
      }

      const texts = [...outcomes.keys()];
      const impossible = texts.filter((text) => text.includes('\0') || !text.isWellFormed());
      expect(impossible.length).toBeGreaterThan(50);
      expect(impossible.filter((text) => !isBadInput(outcomes.get(text)))).toEqual([]);
      for (const text of texts.filter((candidate) => !impossible.includes(candidate))) {
        expect(outcomes.get(text)).toMatchObject({ cause: text, detail: { text } });
      }
      expect(await query('select count(*)::int as companies from companies')).not.toEqual([{ companies: 0 }]);
    });

    it('are isolated from concurrent calls that fail half-way', async () => {
      const { bookings, events } = store.repositories;
      const { id } = await registerCompany(store.repositories);
      const recordIds = Array.from({ length: 50 }, (_, index) => index + 1);

      const outcomes = await Promise.allSettled(
        recordIds.map((recordId) =>
          bookings.apply(id, {
            expectedVersion: 0,
            state: bookingState({ recordId, staffName: randomUUID() }),
            // Written last, so that a failure must roll back the booking.
            plan: [
              {
                ...newMessage(id, { idempotencyKey: `k${recordId}` }),
                phone: recordId % 2 === 0 ? '+79001234567' : '',
              },
            ],
            event: { companyId: id, type: 'fine', cause: 'test' },
          }),
        ),
      );

      const applied = outcomes.filter(({ status }) => status === 'fulfilled');
      expect(applied).toHaveLength(25);
      const found = await Promise.all(recordIds.map((recordId) => bookings.find(id, recordId)));
      expect(found.flatMap((stored) => stored?.booking.recordId ?? [])).toEqual(
        recordIds.filter((n) => n % 2 === 0),
      );
      expect((await events.latest(id, 100)).filter(({ type }) => type === 'fine')).toHaveLength(25);
      const stored = await query(`select count(*)::int as messages from messages where company_id = ${id}`);
      expect(stored).toEqual([{ messages: 25 }]);
    });

    describe('over HTTP', () => {
      async function post(
        path: string,
        body: string,
        method = 'POST',
      ): Promise<{ status: number; code: unknown }> {
        const response = await createPostgrestFetch(store.database.sql)(`http://embedded.local${path}`, {
          method,
          ...(method === 'POST' && { body }),
        });
        const text = await response.text();
        const answer: unknown = text === '' ? {} : JSON.parse(text);
        return { status: response.status, code: (answer as { code?: unknown } | null)?.code };
      }

      it.each([
        ['GET', '/rest/v1/rpc/connection_stats'],
        ['GET', '/rest/v1/companies'],
        ['POST', '/rest/v1/companies'],
        ['POST', '/rest/v1/rpc/public.company_by_id'],
        ['POST', '/rest/v1/rpc/company_by_id%22%3B%20drop%20table%20companies'],
        ['POST', '/auth/v1/token'],
      ])('reject %s %s', async (method, path) => {
        expect(await post(path, '{}', method)).toEqual({ status: 400, code: 'PGRST100' });
      });

      it.each([
        ['an unknown function', 'no_such_function', '{}'],
        ['a built-in function', 'pg_sleep', '{"seconds": 9}'],
        ['a missing argument', 'company_by_id', '{}'],
        ['an unknown argument', 'company_by_id', '{"p_company_id": 1, "x\\"; drop table companies; --": 1}'],
      ])('respond 404 to %s', async (_, name, body) => {
        expect(await post(`/rest/v1/rpc/${name}`, body)).toEqual({ status: 404, code: 'PGRST202' });
      });

      it.each([
        ['invalid JSON', '{"p_company_id":', 400, 'PGRST102'],
        ['an array', '[1]', 400, 'PGRST102'],
        ['a wrong type', '{"p_company_id": "one"}', 400, '22P02'],
        ['a number out of range', '{"p_company_id": 1e300}', 400, '22P02'],
      ])('respond to %s like PostgREST', async (_, body, status, code) => {
        expect(await post('/rest/v1/rpc/company_by_id', body)).toEqual({ status, code });
      });

      it('map constraint violations and PTxyz errors to the HTTP status of PostgREST', async () => {
        const company = await registerCompany(store.repositories);
        const event = { p_type: 'Not Snake', p_cause: 'x' };
        const lost = { p_company_id: company.id, p_token: 99, p_changes: [] };

        expect([
          await post('/rest/v1/rpc/event_record', JSON.stringify({ ...event, p_company_id: company.id })),
          await post('/rest/v1/rpc/event_record', JSON.stringify({ ...event, p_type: 'x', p_company_id: 0 })),
          await post('/rest/v1/rpc/credentials_write', JSON.stringify(lost)),
          await post(
            '/rest/v1/rpc/event_record',
            JSON.stringify({ ...event, p_type: 'x', p_company_id: company.id }),
          ),
        ]).toEqual([
          { status: 400, code: '23514' },
          { status: 409, code: '23503' },
          { status: 409, code: 'PT409' },
          { status: 204, code: undefined },
        ]);
      });
    });

    async function query(text: string) {
      return store.database.sql.transaction((session) => session.query(text));
    }
  },
);

function isBadInput(outcome: unknown): boolean {
  return outcome instanceof AppError && outcome.code === 'VALIDATION_ERROR';
}
