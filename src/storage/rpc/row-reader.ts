import { AppError } from '../../domain/errors/app-error.ts';

/** Reads typed columns of a JSON row. Every method throws `DB_ERROR` for a column of another type. */
export class RowReader {
  readonly #row: Readonly<Record<string, unknown>>;

  /** @throws AppError `DB_ERROR` unless `row` is an object */
  constructor(row: unknown) {
    if (!isRecord(row)) throw malformedColumnError('row', 'an object');
    this.#row = row;
  }

  text(column: string): string {
    const value = this.#row[column];
    if (typeof value !== 'string') throw malformedColumnError(column, 'a string');
    return value;
  }

  number(column: string): number {
    const value = this.#row[column];
    if (typeof value !== 'number' || !Number.isSafeInteger(value))
      throw malformedColumnError(column, 'an integer');
    return value;
  }

  boolean(column: string): boolean {
    const value = this.#row[column];
    if (typeof value !== 'boolean') throw malformedColumnError(column, 'a boolean');
    return value;
  }

  date(column: string): Date {
    return dateFrom(this.#row[column], column);
  }

  oneOf<Value extends string | number>(allowed: readonly Value[], column: string): Value {
    const value = allowed.find((candidate) => candidate === this.#row[column]);
    if (value === undefined) throw malformedColumnError(column, allowed.join(' | '));
    return value;
  }

  optionalText(column: string): string | undefined {
    return this.#isNull(column) ? undefined : this.text(column);
  }

  optionalNumber(column: string): number | undefined {
    return this.#isNull(column) ? undefined : this.number(column);
  }

  optionalDate(column: string): Date | undefined {
    return this.#isNull(column) ? undefined : this.date(column);
  }

  object(column: string): RowReader {
    return new RowReader(this.#row[column]);
  }

  optionalObject(column: string): RowReader | undefined {
    return this.#isNull(column) ? undefined : this.object(column);
  }

  list(column: string): readonly unknown[] {
    return listFrom(this.#row[column], column);
  }

  /** A JSON object column, unchecked. */
  record(column: string): Readonly<Record<string, unknown>> {
    const value = this.#row[column];
    if (!isRecord(value)) throw malformedColumnError(column, 'an object');
    return value;
  }

  #isNull(column: string): boolean {
    return this.#row[column] === null || this.#row[column] === undefined;
  }
}

/** @throws AppError `DB_ERROR` */
export function dateFrom(value: unknown, column: string): Date {
  const date = typeof value === 'string' ? new Date(value) : undefined;
  if (date === undefined || Number.isNaN(date.getTime())) throw malformedColumnError(column, 'a timestamp');
  return date;
}

/** @throws AppError `DB_ERROR` */
export function listFrom(value: unknown, column = 'result'): readonly unknown[] {
  if (!Array.isArray(value)) throw malformedColumnError(column, 'an array');
  return value;
}

function malformedColumnError(column: string, expected: string): AppError {
  return new AppError('DB_ERROR', {
    cause: new TypeError(`Column ${column} is not ${expected}`),
    retryable: false,
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
