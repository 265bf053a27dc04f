import {
  access,
  constants,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  stat,
  unlink,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { Keyring } from '../crypto/keyring.ts';
import { KeyedMutex } from '../lib/async/keyed-mutex.ts';
import { DirectoryLock } from '../lib/directory-lock.ts';

export type SpoolOptions = Readonly<{
  /** Created if missing. */
  directory: string;
  /** Encrypts the records, which contain personal data. */
  keyring: Keyring;
  /** Called for a segment with unreadable lines (torn write, damaged disk); it is kept as `*.damaged`. */
  onDamagedSegment: (segment: string, lines: number) => void;
  /** Default: 256 MiB. */
  maxBytes?: number;
  /** A segment of this size is closed. Default: 4 MiB. */
  segmentBytes?: number;
}>;

/** The records of one segment file, oldest first. */
export type Segment = Readonly<{ name: string; records: readonly unknown[]; damagedLines: number }>;

type SegmentFile = { readonly name: string; bytes: number };
type ActiveSegment = { readonly segment: SegmentFile; readonly file: FileHandle };

const suffix = '.spool';
const encryptionContext = 'inbox-spool';
const fileMode = 0o600;

/** The spool is full or the disk failed. None of the records was written. */
export class SpoolFailedError extends Error {
  override readonly name = 'SpoolFailedError';
}

/**
 * On-disk queue for webhooks during a database outage. Appends are flushed with fdatasync before they resolve. Segments
 * consist of encrypted lines; a line torn by a crash was never acknowledged.
 */
export class Spool implements AsyncDisposable {
  readonly #options: SpoolOptions;
  readonly #maxBytes: number;
  readonly #segmentBytes: number;
  readonly #lock: DirectoryLock;
  readonly #mutex = new KeyedMutex<'disk'>();
  /** Oldest first, including the active segment. */
  readonly #segments: SegmentFile[];
  #activeSegment: ActiveSegment | undefined;
  #lastNumber: number;

  /** Opens the spool with the segments of earlier processes. @throws DirectoryInUseError */
  static async open(options: SpoolOptions): Promise<Spool> {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    const lock = new DirectoryLock(
      options.directory,
      `Spool directory ${options.directory} is in use by another process. Use a separate DATA_DIR for each process.`,
    );
    const names = (await readdir(options.directory)).filter((name) => name.endsWith(suffix)).sort();
    const segments = await Promise.all(
      names.map(async (name) => ({ name, bytes: (await stat(join(options.directory, name))).size })),
    );
    return new Spool(options, segments, lock);
  }

  private constructor(options: SpoolOptions, segments: SegmentFile[], lock: DirectoryLock) {
    this.#options = options;
    this.#lock = lock;
    this.#segments = segments;
    this.#maxBytes = options.maxBytes ?? 256 * 1024 * 1024;
    this.#segmentBytes = options.segmentBytes ?? 4 * 1024 * 1024;
    this.#lastNumber = Number.parseInt(segments.at(-1)?.name ?? '0', 10);
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }

  /** Size of all segments. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Appends all records or none. @throws SpoolFailedError */
  async append(records: readonly unknown[]): Promise<void> {
    const lines = records.map(
      (record) =>
        `${this.#options.keyring.seal(encryptionContext, JSON.stringify(record)).toString('base64')}\n`,
    );
    await this.#mutex.run('disk', () => this.#write(Buffer.from(lines.join(''))));
  }

  /** Reads the oldest segment and closes it, so that later records go to another one. */
  async oldest(): Promise<Segment | undefined> {
    return await this.#mutex.run('disk', async () => {
      const [segment] = this.#segments;
      if (segment === undefined) return undefined;
      if (this.#activeSegment?.segment === segment) await this.#closeSegment();
      return await this.#read(segment);
    });
  }

  /** Deletes a segment whose records are stored elsewhere. One with damaged lines is renamed instead. */
  async remove({ name, damagedLines }: Segment): Promise<void> {
    await this.#mutex.run('disk', async () => {
      const path = join(this.#options.directory, name);
      if (damagedLines > 0) {
        await rename(path, `${path}.damaged`);
        this.#options.onDamagedSegment(name, damagedLines);
      } else await unlink(path);
      const index = this.#segments.findIndex((segment) => segment.name === name);
      if (index >= 0) this.#segments.splice(index, 1);
    });
  }

  /** Health check. @throws if an append would fail */
  async check(): Promise<void> {
    if (this.bytes >= this.#maxBytes) throw new SpoolFailedError('Spool full');
    await access(this.#options.directory, constants.W_OK);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#mutex.run('disk', () => this.#closeSegment());
    this.#lock[Symbol.dispose]();
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.bytes + bytes.length > this.#maxBytes) throw new SpoolFailedError('Spool full');
    try {
      const { segment, file } = this.#activeSegment ?? (await this.#openSegment());
      const { bytesWritten } = await file.write(bytes, 0, bytes.length, segment.bytes);
      if (bytesWritten < bytes.length) throw new Error('Short write to the spool');
      await file.datasync();
      segment.bytes += bytes.length;
      if (segment.bytes >= this.#segmentBytes) await this.#closeSegment();
    } catch (cause) {
      await this.#rollBackWrite();
      throw new SpoolFailedError('Spool write failed', { cause });
    }
  }

  /** Removes unacknowledged bytes, so that they are not replayed. */
  async #rollBackWrite(): Promise<void> {
    const active = this.#activeSegment;
    if (active === undefined) return;
    try {
      await active.file.truncate(active.segment.bytes);
    } catch {
      // The last line stays torn or unacknowledged: append to a new segment.
      await this.#closeSegment();
    }
    if (active.segment.bytes > 0) return;
    await this.#closeSegment();
    await unlink(join(this.#options.directory, active.segment.name)).catch(() => undefined);
    this.#segments.splice(this.#segments.indexOf(active.segment), 1);
  }

  async #openSegment(): Promise<ActiveSegment> {
    this.#lastNumber += 1;
    const name = `${String(this.#lastNumber).padStart(10, '0')}${suffix}`;
    const file = await open(join(this.#options.directory, name), 'wx', fileMode);
    const segment = { name, bytes: 0 };
    this.#segments.push(segment);
    this.#activeSegment = { segment, file };
    await syncDirectory(this.#options.directory);
    return this.#activeSegment;
  }

  async #closeSegment(): Promise<void> {
    const active = this.#activeSegment;
    this.#activeSegment = undefined;
    await active?.file.close().catch(() => undefined);
  }

  async #read(segment: SegmentFile): Promise<Segment> {
    const path = join(this.#options.directory, segment.name);
    const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
    const records: unknown[] = [];
    let damagedLines = 0;
    for (const line of lines) {
      try {
        const record: unknown = JSON.parse(
          this.#options.keyring.open(encryptionContext, Buffer.from(line, 'base64')).toString(),
        );
        records.push(record);
      } catch {
        damagedLines += 1;
      }
    }
    return { name: segment.name, records, damagedLines };
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
