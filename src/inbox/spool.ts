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
import { DirectoryLock } from '../lib/directory-lock.ts';
import { KeyedMutex } from '../lib/async/keyed-mutex.ts';
import type { Keyring } from '../crypto/keyring.ts';

export type SpoolOptions = Readonly<{
  /** Made when it is not there. */
  directory: string;
  /** What is spooled holds people's names and numbers. */
  keyring: Keyring;
  /** A line that cannot be read: the tail of a write that a crash cut, or a damaged disk. The file is kept aside. */
  onDamagedSegment: (segment: string, lines: number) => void;
  maxBytes?: number;
  segmentBytes?: number;
}>;

/** Records of one segment, oldest first, and what removes it when they are safe elsewhere. */
export type Segment = Readonly<{ name: string; records: readonly unknown[]; damagedLines: number }>;

type SegmentFile = { readonly name: string; bytes: number };
type ActiveSegment = { readonly segment: SegmentFile; readonly file: FileHandle };

const suffix = '.spool';
const encryptionContext = 'inbox-spool';
const fileMode = 0o600;

/** The disk has no room for more, or refuses. Nothing of what was to be written is there. */
export class SpoolFailedError extends Error {
  override readonly name = 'SpoolFailedError';
}

/**
 * A queue in files for the time when the database is away: what was appended is on the disk, not in a cache, when the promise
 * resolves. Segments of sealed lines; a line that was cut by a crash was never acknowledged.
 */
export class Spool implements AsyncDisposable {
  readonly #options: SpoolOptions;
  readonly #maxBytes: number;
  readonly #segmentBytes: number;
  readonly #lock: DirectoryLock;
  readonly #mutex = new KeyedMutex<'disk'>();
  /** Oldest first, the one being written included. */
  readonly #segments: SegmentFile[];
  #activeSegment: ActiveSegment | undefined;
  #lastNumber: number;

  /** Finds what an earlier process left. @throws DirectoryInUseError while that process lives */
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

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** All or nothing. @throws SpoolFailedError */
  async append(records: readonly unknown[]): Promise<void> {
    const lines = records.map(
      (record) =>
        `${this.#options.keyring.seal(encryptionContext, JSON.stringify(record)).toString('base64')}\n`,
    );
    await this.#mutex.run('disk', () => this.#write(Buffer.from(lines.join(''))));
  }

  /** The oldest segment; from now on others are written. */
  async oldest(): Promise<Segment | undefined> {
    return await this.#mutex.run('disk', async () => {
      const [segment] = this.#segments;
      if (segment === undefined) return undefined;
      if (this.#activeSegment?.segment === segment) await this.#closeSegment();
      return await this.#read(segment);
    });
  }

  /** What the segment held is safe elsewhere. */
  async remove({ name, damagedLines }: Segment): Promise<void> {
    await this.#mutex.run('disk', async () => {
      const path = join(this.#options.directory, name);
      // For people to look at; what could be read of it has gone on.
      if (damagedLines > 0) {
        await rename(path, `${path}.damaged`);
        this.#options.onDamagedSegment(name, damagedLines);
      } else await unlink(path);
      const index = this.#segments.findIndex((segment) => segment.name === name);
      if (index >= 0) this.#segments.splice(index, 1);
    });
  }

  /** @throws when nothing more could be written */
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

  /** What was not acknowledged must not be found later. */
  async #rollBackWrite(): Promise<void> {
    const active = this.#activeSegment;
    if (active === undefined) return;
    try {
      await active.file.truncate(active.segment.bytes);
    } catch {
      // Its last line is cut or would be a repeat; the next write begins a segment of its own.
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
