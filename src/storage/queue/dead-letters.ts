import type { QueueName } from '../../domain/queue-names.ts';
import { isUuid } from '../../lib/uuid.ts';
import type { DeadLetter, NewJob } from '../../ports/job-queue.ts';
import type { SqlDatabase } from '../database/sql.ts';
import { RowReader } from '../rpc/row-reader.ts';

export function deadLetterQueueName(queue: QueueName): string {
  return `${queue}_dead`;
}

/** Dead letters of a queue, newest first, without the job data. */
export async function readDeadLetters(
  sql: SqlDatabase,
  queue: QueueName,
  limit: number,
): Promise<readonly DeadLetter[]> {
  const rows = await sql.query(
    `select id::text, data, to_char(created_on at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as dead_lettered_at
     from pgboss.job where name = $1 and state = 'created' order by created_on desc, id limit $2`,
    [deadLetterQueueName(queue), limit],
  );
  return rows.map((row) => {
    const deadLetter = new RowReader(row);
    const data = deadLetter.object('data');
    const reason = data.object('reason');
    return {
      id: deadLetter.text('id'),
      queue,
      key: data.text('key'),
      reason: { name: reason.text('name'), message: reason.text('message') },
      attempts: data.number('attempts'),
      deadLetteredAt: deadLetter.date('dead_lettered_at'),
    };
  });
}

/** Key and data of the failed job; undefined for an unknown id. */
export async function readDeadLetter(
  sql: SqlDatabase,
  queue: QueueName,
  id: string,
): Promise<Pick<NewJob, 'key' | 'data'> | undefined> {
  if (!isUuid(id)) return undefined;
  const [row] = await sql.query(
    `select data from pgboss.job where name = $1 and id = $2 and state = 'created'`,
    [deadLetterQueueName(queue), id],
  );
  if (row === undefined) return undefined;
  const deadLetter = new RowReader(row).object('data');
  return { key: deadLetter.text('key'), data: deadLetter.record('data') };
}
