/** A setting for everybody, unless an account has one of its own. */
export class Scoped<T> {
  readonly #own = new Map<string, T>();
  #general: T | undefined;

  /** Undefined takes the setting back; `number` names the account that it is for. */
  set(value: T | undefined, number?: string): void {
    if (number === undefined) this.#general = value;
    else if (value === undefined) this.#own.delete(number);
    else this.#own.set(number, value);
  }

  /** Without `number`, what holds for somebody who has not said who they are. */
  of(number?: string): T | undefined {
    return (number === undefined ? undefined : this.#own.get(number)) ?? this.#general;
  }
}
