import type { Logger } from '../../observability/logger.ts';
import { AuthState } from '../credentials/auth-state.ts';
import type { ConnectionSlot } from './connection-slot.ts';
import type { CredentialStore } from '../credentials/credential-store.ts';
import type { Lease } from '../../ports/sessions.ts';

/** How the credentials of one session go: what its socket still writes ends first. */
export class CredentialDisposal {
  readonly #credentials: CredentialStore;
  readonly #slot: Pick<ConnectionSlot, 'drain'>;
  readonly #logger: Logger;

  constructor(credentials: CredentialStore, slot: Pick<ConnectionSlot, 'drain'>, logger: Logger) {
    this.#credentials = credentials;
    this.#slot = slot;
    this.#logger = logger;
  }

  /** Of those that WhatsApp refused. Credentials that stay lead to the same refusal at the next start, and go then. */
  async disposeRefused(action: 'quarantine' | 'erase', lease: Lease | undefined): Promise<void> {
    try {
      await this.#slot.drain();
      if (lease !== undefined) await this.#credentials[action](lease);
    } catch (error) {
      this.#logger.error('Refused credentials removal failed', { error });
    }
  }

  /** Of those that no phone has linked; linked ones stay. @throws UnreadableCredentialsError, or what the store throws */
  async eraseUnlinked(lease: Lease | undefined): Promise<void> {
    await this.#slot.drain();
    if (lease === undefined) return;
    const auth = await AuthState.open(this.#credentials, lease, () => undefined);
    if (!auth.isLinked) await this.#credentials.erase(lease);
  }
}
