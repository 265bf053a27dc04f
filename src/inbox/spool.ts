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
import { KeyedQueue } from '../lib/keyed-queue.ts';
import type { SecretBox } from '../lib/secret-box.ts';

export type SpoolOptions = Readonly<{
  /** Made when it is not there. */
  directory: string;
  /** What is spooled holds people's names and numbers. */
  box: SecretBox;
  /** A line that cannot be read: the tail of a write that a crash cut, or a damaged disk. The file is kept aside. */
  damaged: (segment: string, lines: number) => void;
  maxBytes?: number;
  segmentBytes?: number;
}>;

/** Records of one segment, oldest first, and what removes it when they are safe elsewhere. */
export type Segment = Readonly<{ name: string; records: readonly unknown[]; damagedLines: number }>;

type Pending = { readonly name: string; bytes: number };
type Writing = { readonly segment: Pending; readonly file: FileHandle };

const suffix = '.spool';
const context = 'inbox-spool';
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
  readonly #turns = new KeyedQueue<'disk'>();
  /** Oldest first, the one being written included. */
  readonly #segments: Pending[];
  #writing: Writing | undefined;
  #lastNumber: number;

  /** Finds what an earlier process left. */
  static async open(options: SpoolOptions): Promise<Spool> {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    const names = (await readdir(options.directory)).filter((name) => name.endsWith(suffix)).sort();
    const segments = await Promise.all(
      names.map(async (name) => ({ name, bytes: (await stat(join(options.directory, name))).size })),
    );
    return new Spool(options, segments);
  }

  private constructor(options: SpoolOptions, segments: Pending[]) {
    this.#options = options;
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
      (record) => `${this.#options.box.seal(context, JSON.stringify(record)).toString('base64')}\n`,
    );
    await this.#turns.run('disk', () => this.#write(Buffer.from(lines.join(''))));
  }

  /** The oldest segment; from now on others are written. */
  async oldest(): Promise<Segment | undefined> {
    return await this.#turns.run('disk', async () => {
      const [segment] = this.#segments;
      if (segment === undefined) return undefined;
      if (this.#writing?.segment === segment) await this.#closeSegment();
      return await this.#read(segment);
    });
  }

  /** What the segment held is safe elsewhere. */
  async remove({ name, damagedLines }: Segment): Promise<void> {
    await this.#turns.run('disk', async () => {
      const path = join(this.#options.directory, name);
      // For people to look at; what could be read of it has gone on.
      if (damagedLines > 0) await rename(path, `${path}.damaged`).catch(unlessGone);
      else await unlink(path).catch(unlessGone);
      const index = this.#segments.findIndex((segment) => segment.name === name);
      if (index >= 0) this.#segments.splice(index, 1);
    });
  }

  /** @throws when nothing more could be written */
  async check(): Promise<void> {
    if (this.bytes >= this.#maxBytes) throw new SpoolFailedError('The spool is full');
    await access(this.#options.directory, constants.W_OK);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns.run('disk', () => this.#closeSegment());
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.bytes + bytes.length > this.#maxBytes) throw new SpoolFailedError('The spool is full');
    let writing: Writing | undefined;
    try {
      writing = this.#writing ?? (await this.#openSegment());
      const { segment, file } = writing;
      const { bytesWritten } = await file.write(bytes, 0, bytes.length, segment.bytes);
      if (bytesWritten < bytes.length) throw new Error('The disk took a part only');
      await file.datasync();
      segment.bytes += bytes.length;
      if (segment.bytes >= this.#segmentBytes) await this.#closeSegment();
    } catch (cause) {
      await this.#undo(writing);
      throw new SpoolFailedError('The spool cannot be written', { cause });
    }
  }

  /** What was not acknowledged must not be found later. */
  async #undo(writing: Writing | undefined): Promise<void> {
    if (writing === undefined) return;
    try {
      await writing.file.truncate(writing.segment.bytes);
    } catch {
      // Its last line is cut or would be a repeat; the next write begins a segment of its own.
      await this.#closeSegment();
    }
    if (writing.segment.bytes > 0) return;
    await this.#closeSegment();
    await unlink(join(this.#options.directory, writing.segment.name)).catch(() => undefined);
    this.#segments.splice(this.#segments.indexOf(writing.segment), 1);
  }

  async #openSegment(): Promise<Writing> {
    const { name, file } = await this.#createFile();
    const segment = { name, bytes: 0 };
    this.#segments.push(segment);
    this.#writing = { segment, file };
    await syncDirectory(this.#options.directory);
    return this.#writing;
  }

  /** A number that another process with the same directory has taken is skipped. */
  async #createFile(): Promise<{ name: string; file: FileHandle }> {
    for (;;) {
      this.#lastNumber += 1;
      const name = `${String(this.#lastNumber).padStart(10, '0')}${suffix}`;
      try {
        return { name, file: await open(join(this.#options.directory, name), 'wx', fileMode) };
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
    }
  }

  async #closeSegment(): Promise<void> {
    const writing = this.#writing;
    this.#writing = undefined;
    await writing?.file.close().catch(() => undefined);
  }

  async #read(segment: Pending): Promise<Segment> {
    const path = join(this.#options.directory, segment.name);
    const text = await readFile(path, 'utf8').catch(unlessGone);
    const lines = (text ?? '').split('\n').filter((line) => line !== '');
    const records: unknown[] = [];
    let damagedLines = 0;
    for (const line of lines) {
      try {
        const record: unknown = JSON.parse(
          this.#options.box.open(context, Buffer.from(line, 'base64')).toString(),
        );
        records.push(record);
      } catch {
        damagedLines += 1;
      }
    }
    if (damagedLines > 0) this.#options.damaged(segment.name, damagedLines);
    return { name: segment.name, records, damagedLines };
  }
}

/** Another process with the same directory has carried it away. */
function unlessGone(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
