import { initAuthCreds, makeWASocket } from '@whiskeysockets/baileys';
import type {
  AuthenticationCreds,
  SignalDataSet,
  SignalDataTypeMap,
  SignalKeyStore,
  UserFacingSocketConfig,
  WAMessage,
  WAMessageUpdate,
  WASocket,
} from '@whiskeysockets/baileys';
import type { SimulatedPhone } from '../simulators/whatsapp/phone/simulated-phone.ts';
import { waitFor } from '../wait-for.ts';

type SocketOptions = Partial<UserFacingSocketConfig>;

const restartRequired = 515;

const silentLogger: NonNullable<UserFacingSocketConfig['logger']> = {
  level: 'silent',
  child: () => silentLogger,
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** An unmodified Baileys socket with credentials in memory; records its events. */
export class BaileysClient implements Disposable {
  readonly creds: AuthenticationCreds;
  readonly keys: MemoryKeyStore;
  /** QR texts of the current socket. */
  readonly qrCodes: string[] = [];
  readonly messages: WAMessage[] = [];
  readonly updates: WAMessageUpdate[] = [];
  /** Errors of acknowledged messages by id; undefined for a positive acknowledgement. */
  readonly acks = new Map<string, string | undefined>();
  readonly #url: string;
  readonly #options: SocketOptions;
  #socket: WASocket | undefined;
  #isOpen = false;
  #receivedPending = false;
  #historySyncs = 0;
  #closeCode: number | undefined;
  #closeData: unknown;

  /** With `from`, the client uses the credentials of another one. */
  constructor(url: string, options: SocketOptions = {}, from?: BaileysClient) {
    this.#url = url;
    this.#options = options;
    this.creds = from?.creds ?? initAuthCreds();
    this.keys = from?.keys ?? memoryKeyStore();
  }

  get socket(): WASocket {
    if (this.#socket === undefined) throw new Error('The client has not been connected');
    return this.#socket;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get historySyncs(): number {
    return this.#historySyncs;
  }

  /** Status code of the current socket's close. */
  get closeCode(): number | undefined {
    return this.#closeCode;
  }

  /** Error data of the current socket's close, such as the attributes of a failure. */
  get closeData(): unknown {
    return this.#closeData;
  }

  /** Opens a socket; reconnects after 515 (restart required after a link), as applications must. */
  connect(): void {
    this.qrCodes.length = 0;
    this.#closeCode = undefined;
    this.#isOpen = false;
    this.#receivedPending = false;
    const socket = makeWASocket({
      auth: { creds: this.creds, keys: this.keys },
      waWebSocketUrl: this.#url,
      logger: silentLogger,
      emitOwnEvents: false,
      syncFullHistory: false,
      markOnlineOnConnect: false,
      ...this.#options,
    });
    this.#socket = socket;
    socket.ev.on('connection.update', (update) => {
      if (this.#socket !== socket) return;
      if (update.qr !== undefined) this.qrCodes.push(update.qr);
      if (update.receivedPendingNotifications === true) this.#receivedPending = true;
      if (update.connection === 'open') this.#isOpen = true;
      if (update.connection === 'close') this.#handleClose(update.lastDisconnect?.error);
    });
    socket.ev.on('messages.upsert', ({ messages }) => this.messages.push(...messages));
    socket.ev.on('messages.update', (updates) => this.updates.push(...updates));
    socket.ev.on('messaging-history.set', () => {
      this.#historySyncs += 1;
    });
    socket.ev.on('creds.update', (update) => Object.assign(this.creds, update));
    socket.ws.on('CB:ack,class:message', ({ attrs }: { attrs: Record<string, string> }) => {
      this.acks.set(attrs['id'] ?? '', attrs['error']);
    });
  }

  /** Connects, lets the phone scan the first QR code and waits for the open session and the history sync. */
  async linkTo(phone: SimulatedPhone): Promise<void> {
    this.connect();
    await phone.scan(await this.nextQr());
    await this.waitUntilOpen();
    // A client that disconnects earlier buffers messages for 20 s after its next login.
    await waitFor('the initial sync', () => this.creds.accountSyncCounter > 0, 20_000);
  }

  nextQr(): Promise<string> {
    return waitFor('a QR code', () => this.qrCodes.at(-1), 10_000);
  }

  async waitUntilOpen(): Promise<void> {
    await waitFor('an open session', () => this.#isOpen && this.#receivedPending, 20_000);
  }

  waitForClose(timeoutMs = 10_000): Promise<number> {
    return waitFor('the end of the session', () => this.#closeCode, timeoutMs);
  }

  /** Resolves with the id of the message. */
  async send(jid: string, text: string, messageId?: string): Promise<string> {
    const sent = await this.socket.sendMessage(jid, { text }, messageId === undefined ? {} : { messageId });
    if (typeof sent?.key.id !== 'string') throw new Error('Baileys returned no message id');
    return sent.key.id;
  }

  /** Statuses that messages.update emitted for a message, in order. */
  statuses(id: string): number[] {
    return this.updates.flatMap(({ key, update }) =>
      key.id === id && typeof update.status === 'number' ? [update.status] : [],
    );
  }

  texts(): string[] {
    return this.messages.flatMap(
      ({ message }) => message?.conversation ?? message?.extendedTextMessage?.text ?? [],
    );
  }

  [Symbol.dispose](): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.end(undefined).catch(() => undefined);
  }

  #handleClose(error: unknown): void {
    this.#isOpen = false;
    const code = disconnectStatusCode(error);
    if (code === restartRequired) this.connect();
    else this.#closeCode = code;
    this.#closeData = typeof error === 'object' && error !== null && 'data' in error ? error.data : undefined;
  }
}

function disconnectStatusCode(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('output' in error)) return 0;
  const { output } = error;
  if (typeof output !== 'object' || output === null || !('statusCode' in output)) return 0;
  return Number(output.statusCode);
}

export type MemoryKeyStore = SignalKeyStore & Readonly<{ all: () => SignalDataSet }>;

/** Keeps Signal keys in memory. */
function memoryKeyStore(): MemoryKeyStore {
  const rows = new Map<string, unknown>();
  return {
    all: () => {
      const byType: Record<string, Record<string, unknown>> = {};
      for (const [name, value] of rows) {
        const [type = '', id = ''] = name.split(/ (.*)/s, 2);
        (byType[type] ??= {})[id] = value;
      }
      return byType;
    },
    get: async <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) => {
      const found: { [id: string]: SignalDataTypeMap[T] } = {};
      for (const id of ids) {
        const value = rows.get(`${type} ${id}`);
        // Only `set` writes here, under the same type.
        if (value !== undefined) found[id] = value as SignalDataTypeMap[T];
      }
      return found;
    },
    set: async (data) => {
      for (const [type, values] of Object.entries(data)) {
        for (const [id, value] of Object.entries(values ?? {})) {
          if (value === null) rows.delete(`${type} ${id}`);
          else rows.set(`${type} ${id}`, value);
        }
      }
    },
  };
}
