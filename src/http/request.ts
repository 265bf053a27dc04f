import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import { AppError } from '../domain/errors/app-error.ts';
import { type Language, languages } from '../domain/language.ts';
import { preferredLanguage } from '../lib/net/accept-language.ts';

/** Russian unless `Accept-Language` prefers English. */
export function requestLanguage(request: IncomingMessage): Language {
  return preferredLanguage(request.headers, languages);
}

/** The decoded path parameter; empty if the route has no such parameter. */
export function pathParameter(request: Pick<Request, 'params'>, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}

/** The query string of a request. Only keys ending in `[]` may repeat. */
export class Query {
  readonly #parameters: URLSearchParams;

  /** @throws AppError `VALIDATION_ERROR` */
  constructor(request: Request) {
    const start = request.url.indexOf('?');
    this.#parameters = new URLSearchParams(start === -1 ? '' : request.url.slice(start));
    for (const name of new Set(this.#parameters.keys())) {
      if (!name.endsWith('[]') && this.#parameters.getAll(name).length > 1) throw repeatedParameterError();
    }
  }

  get(name: string): string | undefined {
    return this.#parameters.get(name) ?? undefined;
  }

  /** @returns `defaultValue` if absent. @throws AppError `VALIDATION_ERROR` that names the parameter */
  integer(
    name: string,
    { min, max, defaultValue }: Readonly<{ min: number; max: number; defaultValue: number }>,
  ): number {
    const text = this.get(name);
    const number =
      text === undefined ? defaultValue : /^(?:0|[1-9]\d{0,15})$/.test(text) ? Number(text) : NaN;
    if (number >= min && number <= max) return number;
    throw new AppError('VALIDATION_ERROR', {
      text: {
        ru: `Параметр ${name} должен быть целым числом от ${min} до ${max}.`,
        en: `The parameter ${name} must be a whole number from ${min} to ${max}.`,
      },
    });
  }

  /** The page size, `limit`, from 1 to `max`. @throws AppError `VALIDATION_ERROR` */
  limit(max: number, defaultValue = max): number {
    return this.integer('limit', { min: 1, max, defaultValue });
  }

  /** Values of `name`, `name[]` and `name[0]`, in query order. */
  list(name: string): string[] {
    return [...this.#parameters]
      .filter(
        ([key]) =>
          key === name || (key.startsWith(`${name}[`) && /^\[\d{0,3}\]$/.test(key.slice(name.length))),
      )
      .map(([, value]) => value);
  }
}

function repeatedParameterError(): AppError {
  return new AppError('VALIDATION_ERROR', {
    text: { ru: 'Параметр в адресе повторяется.', en: 'A query parameter is repeated.' },
  });
}
