import type { DeadLetter, NewJob, QueueName } from '../../ports/ports.ts';
import type { Database } from '../database/database.ts';
import { RowReader } from '../rpc/row-reader.ts';
import { deadLetterQueueOf } from './retry-policy.ts';

type Sql = Readonly<{ sql: Database['sql'] }>;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Newest first; what the jobs held stays in the database. */
export async function readDeadLetters(
  { sql }: Sql,
  queue: QueueName,
  limit: number,
): Promise<readonly DeadLetter[]> {
  const rows = await sql.transaction((session) =>
    session.query(
      `select id::text, data, to_char(created_on at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as buried_at
       from pgboss.job where name = $1 and state = 'created' order by created_on desc, id limit $2`,
      [deadLetterQueueOf(queue), limit],
    ),
  );
  return rows.map((row) => {
    const letter = new RowReader(row);
    const data = letter.object('data');
    const reason = data.object('reason');
    return {
      id: letter.text('id'),
      queue,
      key: data.text('key'),
      reason: { name: reason.text('name'), message: reason.text('message') },
      attempts: data.number('attempts'),
      buriedAt: letter.date('buried_at'),
    };
  });
}

/** The job as it was before it failed. */
export async function readBuriedJob(
  { sql }: Sql,
  queue: QueueName,
  id: string,
): Promise<Pick<NewJob, 'key' | 'data'> | undefined> {
  if (!uuid.test(id)) return undefined;
  const [row] = await sql.transaction((session) =>
    session.query(`select data from pgboss.job where name = $1 and id = $2 and state = 'created'`, [
      deadLetterQueueOf(queue),
      id,
    ]),
  );
  if (row === undefined) return undefined;
  const letter = new RowReader(row).object('data');
  return { key: letter.text('key'), data: letter.record('data') };
}

/** What of a queue is still to be done. */
export async function readWaiting(
  { sql }: Sql,
  queue: QueueName,
  keyPrefix: string,
): Promise<Readonly<{ jobs: number; oldestAgeSeconds: number }>> {
  const [row] = await sql.transaction((session) =>
    session.query(
      `select count(*)::int as jobs, coalesce(extract(epoch from now() - min(created_on)), 0)::int as age
       from pgboss.job where name = $1 and state in ('created', 'retry', 'active') and starts_with(singleton_key, $2)`,
      [queue, keyPrefix],
    ),
  );
  const waiting = new RowReader(row);
  return { jobs: waiting.number('jobs'), oldestAgeSeconds: waiting.number('age') };
}
