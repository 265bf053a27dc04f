import type { AuthState } from '../credentials/auth-state.ts';
import type { Connection } from '../connection/connection.ts';

/** Room for one connection. */
export class ConnectionSlot {
  #current: Connection | undefined;
  #draining: AuthState | undefined;

  get current(): Connection | undefined {
    return this.#current;
  }

  set(connection: Connection): void {
    this.#current = connection;
  }

  /** Ends the connection. What it was storing meanwhile may still be stored. */
  endCurrent(): void {
    const connection = this.#current;
    if (connection === undefined) return;
    this.#current = undefined;
    this.#draining = connection.auth;
    connection.end();
  }

  /** Ends the connection and everything it was storing, so that the next one reads what is final. */
  async drain(): Promise<void> {
    this.endCurrent();
    await this.#draining?.close();
    this.#draining = undefined;
  }
}
