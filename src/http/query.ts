import type { Request } from 'express';
import { AppError } from '../domain/errors.ts';

/** The query of a request. A key that comes twice is refused, unless its name ends in `[]`. */
export class Query {
  readonly #parameters: URLSearchParams;

  /** @throws AppError `VALIDATION_ERROR` */
  constructor(request: Request) {
    const at = request.url.indexOf('?');
    this.#parameters = new URLSearchParams(at === -1 ? '' : request.url.slice(at));
    for (const name of new Set(this.#parameters.keys())) {
      if (!name.endsWith('[]') && this.#parameters.getAll(name).length > 1) throw repeated();
    }
  }

  one(name: string): string | undefined {
    return this.#parameters.get(name) ?? undefined;
  }

  /** Values of `name`, `name[]` and `name[0]`, in the order of the address. */
  list(name: string): string[] {
    return [...this.#parameters]
      .filter(
        ([key]) =>
          key === name || (key.startsWith(`${name}[`) && /^\[\d{0,3}\]$/.test(key.slice(name.length))),
      )
      .map(([, value]) => value);
  }
}

function repeated(): AppError {
  return new AppError('VALIDATION_ERROR', {
    text: { ru: 'Параметр в адресе повторяется.', en: 'A parameter of the address is repeated.' },
  });
}
