import {
  BufferJSON,
  initAuthCreds,
  proto,
  type AuthenticationCreds,
  type SignalDataSet,
  type SignalDataTypeMap,
  type SignalKeyStore,
} from '@whiskeysockets/baileys';
import { LRUCache } from 'lru-cache';
import { UnreadableSecretError } from '../../crypto/keyring.ts';
import { LeaseLostError } from '../../domain/errors/lease-lost-error.ts';
import type { Lease } from '../../ports/sessions.ts';
import type { CompanyCredentials, CredentialStore, PlaintextChange } from './credential-store.ts';

const credsRow = { type: 'creds', id: 'creds' } as const;
const maxCachedKeys = 300;

/** Attempts of Baileys to commit a key transaction. */
export const maxCommitAttempts = 3;

/** Credentials exist but cannot be decrypted or parsed. They must not be replaced by a new identity. */
export class UnreadableCredentialsError extends Error {
  override readonly name = 'UnreadableCredentialsError';
}

/** A write failed, so the stored session may be behind the one that WhatsApp knows. */
export class CredentialsNotSavedError extends Error {
  override readonly name = 'CredentialsNotSavedError';
}

export type CredentialsError = UnreadableCredentialsError | CredentialsNotSavedError;

/** Baileys' authentication state for one socket. The cache holds only values that are stored; `close` stops all writes. */
export class AuthState {
  readonly creds: AuthenticationCreds;
  readonly keys: SignalKeyStore;
  readonly #credentials: CompanyCredentials;
  readonly #onFailure: (error: CredentialsError) => void;
  /** Serialised, because Baileys modifies the objects it receives. */
  readonly #cache = new LRUCache<string, string>({ max: maxCachedKeys });
  #lastWrite: Promise<unknown> = Promise.resolve();
  #writeVersion = 0;
  #consecutiveFailures = 0;
  #hasFailed = false;
  #closed = false;

  private constructor(
    creds: AuthenticationCreds,
    credentials: CompanyCredentials,
    onFailure: (error: CredentialsError) => void,
  ) {
    this.creds = creds;
    this.#credentials = credentials;
    this.#onFailure = onFailure;
    this.keys = {
      get: (type, ids) => this.#get(type, ids),
      set: (data) => this.#set(data),
    };
  }

  /**
   * Loads the stored identity or creates one. An incomplete identity (`me` without `account`) cannot log in and is erased.
   * @param onFailure called when a value cannot be read, or a write has failed permanently; the socket must be closed
   * @throws UnreadableCredentialsError
   */
  static async open(
    store: CredentialStore,
    lease: Lease,
    onFailure: (error: CredentialsError) => void,
  ): Promise<AuthState> {
    const { credentials, creds: stored } = await loadCreds(store, lease);
    if (stored !== undefined && (isLinked(stored) || stored.me === undefined)) {
      return new AuthState(stored, credentials, onFailure);
    }
    if (stored !== undefined) await credentials.erase();
    return new AuthState(initAuthCreds(), credentials, onFailure);
  }

  get isLinked(): boolean {
    return isLinked(this.creds);
  }

  /** Writes the current identity, after all earlier writes. @throws CredentialsNotSavedError */
  async saveCreds(): Promise<void> {
    await this.#write([{ ...credsRow, value: serialise(this.creds) }]);
  }

  /** Resolves when the identity is durable; retries a failed write once. @throws CredentialsNotSavedError */
  async flush(): Promise<void> {
    await this.#lastWrite;
    if (this.#hasFailed) await this.saveCreds();
  }

  /** Reports a write that will not be retried, once. */
  abort(error: CredentialsNotSavedError): void {
    if (this.#closed || this.#hasFailed) return;
    this.#hasFailed = true;
    this.#onFailure(error);
  }

  refuseWrites(): void {
    this.#closed = true;
  }

  /** Refuses new writes and waits for those in flight. */
  async close(): Promise<void> {
    this.refuseWrites();
    await this.#lastWrite;
  }

  async #get<Type extends keyof SignalDataTypeMap>(
    type: Type,
    ids: string[],
  ): Promise<Record<string, SignalDataTypeMap[Type]>> {
    const serialised = new Map<string, string>();
    for (const id of ids) {
      const text = this.#cache.get(cacheKey(type, id));
      if (text !== undefined) serialised.set(id, text);
    }
    const missing = ids.filter((id) => !serialised.has(id));
    if (missing.length > 0) {
      const versionBefore = this.#writeVersion;
      for (const [id, text] of await this.#read(type, missing)) {
        serialised.set(id, text);
        // A write during the read may have replaced this value.
        if (this.#writeVersion === versionBefore) this.#cache.set(cacheKey(type, id), text);
      }
    }
    const found: Record<string, SignalDataTypeMap[Type]> = {};
    for (const [id, text] of serialised) {
      const value = parseKey(type, text);
      if (isSignalData<Type>(value)) found[id] = value;
    }
    return found;
  }

  async #read(type: string, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    try {
      return await this.#credentials.read(type, ids);
    } catch (cause) {
      const error = new UnreadableCredentialsError('A stored Signal key could not be decrypted', { cause });
      if (cause instanceof UnreadableSecretError && !this.#closed) this.#onFailure(error);
      throw error;
    }
  }

  async #set(data: SignalDataSet): Promise<void> {
    const changes = Object.entries(data).flatMap(([type, values]) =>
      Object.entries(values).map(([id, value]): PlaintextChange => {
        return { type, id, value: value === null || value === undefined ? null : serialise(value) };
      }),
    );
    await this.#write(changes);
    for (const { type, id, value } of changes) {
      if (value === null) this.#cache.delete(cacheKey(type, id));
      else this.#cache.set(cacheKey(type, id), value);
    }
  }

  async #write(changes: readonly PlaintextChange[]): Promise<void> {
    if (this.#closed) throw new CredentialsNotSavedError('The session is closed, credentials are read-only');
    const write = this.#writeAfter(this.#lastWrite, changes);
    this.#lastWrite = write.catch(() => undefined);
    try {
      await write;
      this.#consecutiveFailures = 0;
    } catch (cause) {
      throw this.#handleWriteFailure(cause, changes);
    }
  }

  async #writeAfter(previous: Promise<unknown>, changes: readonly PlaintextChange[]): Promise<void> {
    await previous;
    this.#writeVersion += 1;
    await this.#credentials.write(changes);
    this.#writeVersion += 1;
  }

  #handleWriteFailure(cause: unknown, changes: readonly PlaintextChange[]): CredentialsNotSavedError {
    const error = new CredentialsNotSavedError('Saving the credentials failed', { cause });
    this.#consecutiveFailures += 1;
    const isFinal =
      cause instanceof LeaseLostError ||
      this.#consecutiveFailures >= maxCommitAttempts ||
      changes.some(({ type }) => type === credsRow.type);
    if (isFinal) this.abort(error);
    return error;
  }
}

/** The account signature completes the link; a pairing code sets `me` before that. */
function isLinked(creds: AuthenticationCreds): boolean {
  return creds.account !== undefined && creds.me?.id !== undefined;
}

async function loadCreds(
  store: CredentialStore,
  lease: Lease,
): Promise<{ credentials: CompanyCredentials; creds: AuthenticationCreds | undefined }> {
  try {
    const { type, id } = credsRow;
    const credentials = await store.open(lease);
    const text = (await credentials.read(type, [id])).get(id);
    return { credentials, creds: text === undefined ? undefined : parseCreds(text) };
  } catch (cause) {
    // A failing store does not mean that the credentials are unreadable.
    if (!(cause instanceof UnreadableSecretError) && !(cause instanceof SyntaxError)) throw cause;
    throw new UnreadableCredentialsError('The stored credentials could not be decrypted', { cause });
  }
}

/** @throws SyntaxError */
function parseCreds(text: string): AuthenticationCreds {
  const creds: unknown = JSON.parse(text, BufferJSON.reviver);
  if (!isCreds(creds)) throw new SyntaxError('Stored credentials are incomplete');
  return creds;
}

function isCreds(value: unknown): value is AuthenticationCreds {
  return (
    typeof value === 'object' &&
    value !== null &&
    'noiseKey' in value &&
    'signedIdentityKey' in value &&
    'registrationId' in value
  );
}

function serialise(value: unknown): string {
  return JSON.stringify(value, BufferJSON.replacer);
}

/** Only checks that a value exists: a row of this type contains what Baileys wrote under it. */
function isSignalData<Type extends keyof SignalDataTypeMap>(
  value: unknown,
): value is NonNullable<SignalDataTypeMap[Type]> {
  return value !== null && value !== undefined;
}

function parseKey(type: keyof SignalDataTypeMap, text: string): unknown {
  const value: unknown = JSON.parse(text, BufferJSON.reviver);
  if (type !== 'app-state-sync-key' || typeof value !== 'object' || value === null) return value;
  return proto.Message.AppStateSyncKeyData.fromObject(value);
}

function cacheKey(type: string, id: string): string {
  return `${type}/${id}`;
}
