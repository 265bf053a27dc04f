/** `GET /api/v1/company/*`: a method and a path, `*` for any run of characters; or a pattern over the same text. */
export type EndpointPattern = string | RegExp;

export type Fault =
  | Readonly<{ kind: 'refuse'; status: number; body: unknown; headers: Readonly<Record<string, string>> }>
  | Readonly<{ kind: 'delay'; delayMs: number }>
  | Readonly<{ kind: 'html'; status: number }>
  | Readonly<{ kind: 'redirect'; location: string }>
  | Readonly<{ kind: 'hang' | 'cut-json' | 'lose-answer' }>;

type ScheduledFault = { readonly pattern: RegExp; readonly fault: Fault; remaining: number };

/** Planned faults per endpoint with their remaining count. The last planned one wins. */
export class Faults {
  #scheduled: ScheduledFault[] = [];

  schedule(pattern: EndpointPattern, fault: Fault, times = Number.POSITIVE_INFINITY): void {
    this.#scheduled.unshift({ pattern: toRegExp(pattern), fault, remaining: times });
  }

  /** @param endpoint method, space, path without its query */
  next(endpoint: string): Fault | undefined {
    const scheduled = this.#scheduled.find(
      ({ pattern, remaining }) => remaining > 0 && pattern.test(endpoint),
    );
    if (scheduled !== undefined) scheduled.remaining -= 1;
    return scheduled?.fault;
  }

  clear(): void {
    this.#scheduled = [];
  }
}

function toRegExp(pattern: EndpointPattern): RegExp {
  if (typeof pattern !== 'string') return pattern;
  const parts = pattern.split('*').map((part) => RegExp.escape(part));
  return new RegExp(`^${parts.join('.*')}$`);
}
