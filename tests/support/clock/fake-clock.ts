import type { CompanyId } from '../../../src/domain/ids.ts';
import type { Database } from '../../../src/storage/database/database.ts';

/** Timestamps of a company that the outbox reads. */
const timestampColumns: Readonly<Record<string, readonly string[]>> = {
  companies: [
    'next_send_at',
    'pace_reduced_until',
    'session_state_since',
    'connected_at',
    'warm_up_started_at',
  ],
  messages: ['due_at', 'not_before', 'expires_at', 'sending_at', 'dispatched_at', 'created_at'],
  message_attempts: ['at'],
  contacts: ['first_sent_at', 'last_received_at', 'reached_at'],
  whatsapp_restrictions: ['began_at', 'ends_at', 'queried_at'],
};

/** Advances the time of one company by moving its timestamps into the past; the database's clock is unchanged. */
export class FakeClock {
  readonly #database: Pick<Database, 'sql'>;
  readonly #companyId: CompanyId;
  #elapsedMs = 0;

  constructor(database: Pick<Database, 'sql'>, companyId: CompanyId) {
    this.#database = database;
    this.#companyId = companyId;
  }

  /** The time of the company, in milliseconds since the epoch. */
  nowMs(): number {
    return Date.now() + this.#elapsedMs;
  }

  async advance(ms: number): Promise<void> {
    this.#elapsedMs += ms;
    await this.#database.sql.transaction(async (session) => {
      for (const [table, columns] of Object.entries(timestampColumns)) {
        const key = table === 'companies' ? 'id' : 'company_id';
        const moved = columns.map((column) => `${column} = ${column} - $2 * interval '1 millisecond'`);
        await session.query(`update ${table} set ${moved.join(', ')} where ${key} = $1`, [
          this.#companyId,
          ms,
        ]);
      }
    });
  }

  /** The session has been in this state for long. */
  async backdateSessionState(state: 'connected' | 'connecting'): Promise<void> {
    await this.#database.sql.transaction((session) =>
      session.query(
        `update companies set session_state = $2, session_state_since = now() - interval '1 day',
           connected_at = now() - interval '1 day' where id = $1`,
        [this.#companyId, state],
      ),
    );
  }

  async setIntegrationStatus(status: string): Promise<void> {
    await this.#database.sql.transaction((session) =>
      session.query('update companies set integration_status = $2 where id = $1', [this.#companyId, status]),
    );
  }
}
