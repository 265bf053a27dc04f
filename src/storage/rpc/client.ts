import type { SupabaseClient } from '@supabase/supabase-js';
import { AppError } from '../../domain/errors/app-error.ts';
import { LeaseLostError } from '../../domain/errors/lease-lost-error.ts';
import { databaseError } from '../database/errors.ts';
import { listFrom, RowReader } from './row-reader.ts';

/** All that the application sees of the schema: functions. What they return is checked where it is decoded. */
export type RpcSchema = {
  public: {
    Tables: Record<string, never>;
    Views: Record<string, never>;
    Functions: Record<string, { Args: Record<string, unknown>; Returns: unknown }>;
  };
};

export type Supabase = SupabaseClient<RpcSchema>;

/** Calls the database's functions: one round trip and one transaction each. Every method throws what `translated` gives. */
export class Rpc {
  readonly #client: Supabase;

  constructor(client: Supabase) {
    this.#client = client;
  }

  /** @throws AppError, LeaseLostError */
  async call(name: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const response: RpcResponse = await this.#client.rpc(name, { ...args });
    if (response.error !== null) throw translateError(name, response.error);
    return response.data;
  }

  async rows(name: string, args?: Readonly<Record<string, unknown>>): Promise<RowReader[]> {
    return listFrom(await this.call(name, args)).map((row) => new RowReader(row));
  }

  async row(name: string, args?: Readonly<Record<string, unknown>>): Promise<RowReader | undefined> {
    return (await this.rows(name, args))[0];
  }
}

type RpcResponse = Readonly<{ data: unknown; error: RpcError | null }>;

type RpcError = Readonly<{ code: string; message: string }>;

function translateError(name: string, error: RpcError): Error {
  // Messages of class 22 quote the value.
  const quotesValue = /^22...$/.test(error.code);
  const cause = new Error(`${name}: ${error.code} ${quotesValue ? '' : error.message}`.trim());
  if (error.code === 'PT409') return new LeaseLostError('Another instance holds the lease', { cause });
  // Every foreign key of ours leads to the company.
  if (error.code === '23503') return new AppError('COMPANY_NOT_FOUND', { cause });
  // A value that Postgres cannot hold, such as a text with a NUL or half of a surrogate pair.
  if (quotesValue) return new AppError('VALIDATION_ERROR', { cause });
  return databaseError(error.code, cause);
}
