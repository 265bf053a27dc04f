import type { Request } from 'express';
import { AppError } from '../domain/errors/app-error.ts';

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

  /** @returns `usual` where there is none. @throws AppError `VALIDATION_ERROR` that names the parameter */
  wholeNumber(
    name: string,
    { least, most, usual }: Readonly<{ least: number; most: number; usual: number }>,
  ): number {
    const text = this.one(name);
    const number = text === undefined ? usual : /^(?:0|[1-9]\d{0,15})$/.test(text) ? Number(text) : NaN;
    if (number >= least && number <= most) return number;
    throw new AppError('VALIDATION_ERROR', {
      text: {
        ru: `Параметр ${name} должен быть целым числом от ${least} до ${most}.`,
        en: `The parameter ${name} must be a whole number from ${least} to ${most}.`,
      },
    });
  }

  /** How many entries of a list are wanted, the same in all of them. @throws AppError `VALIDATION_ERROR` */
  limit(most: number, usual = most): number {
    return this.wholeNumber('limit', { least: 1, most, usual });
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
