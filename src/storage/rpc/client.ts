import type { SupabaseClient } from '@supabase/supabase-js';
import { AppError } from '../../domain/errors/app-error.ts';
import { LeaseLostError } from '../../domain/errors/lease-lost-error.ts';
import { databaseError } from '../database/errors.ts';
import { listFrom, RowReader } from './row-reader.ts';

/** The application sees functions only. RowReader checks their results. */
export type RpcSchema = {
  public: {
    Tables: Record<string, never>;
    Views: Record<string, never>;
    Functions: Record<string, { Args: Record<string, unknown>; Returns: unknown }>;
  };
};

export type Supabase = SupabaseClient<RpcSchema>;

/** Calls database functions, each in one round trip and one transaction. */
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

  /** Rows of a set-returning function. @throws AppError, LeaseLostError */
  async rows(name: string, args?: Readonly<Record<string, unknown>>): Promise<RowReader[]> {
    return listFrom(await this.call(name, args)).map((row) => new RowReader(row));
  }

  /** The first row. @throws AppError, LeaseLostError */
  async row(name: string, args?: Readonly<Record<string, unknown>>): Promise<RowReader | undefined> {
    return (await this.rows(name, args))[0];
  }
}

type RpcResponse = Readonly<{ data: unknown; error: RpcError | null }>;

type RpcError = Readonly<{ code: string; message: string }>;

function translateError(name: string, error: RpcError): Error {
  // Messages of class 22 (data exception) quote the value, which may be personal data.
  const quotesValue = /^22...$/.test(error.code);
  const cause = new Error(`${name}: ${error.code} ${quotesValue ? '' : error.message}`.trim());
  if (error.code === 'PT409') return new LeaseLostError('Another instance holds the lease', { cause });
  // All foreign keys of the schema reference the company.
  if (error.code === '23503') return new AppError('COMPANY_NOT_FOUND', { cause });
  // Such as a text with NUL or a lone surrogate.
  if (quotesValue) return new AppError('VALIDATION_ERROR', { cause });
  return databaseError(error.code, cause);
}
