/** A setting with overrides per account. */
export class PerAccountSetting<T> {
  readonly #byAccount = new Map<string, T>();
  #default: T | undefined;

  /** Undefined removes the setting; `number` limits it to one account. */
  set(value: T | undefined, number?: string): void {
    if (number === undefined) this.#default = value;
    else if (value === undefined) this.#byAccount.delete(number);
    else this.#byAccount.set(number, value);
  }

  /** Without `number`, the value for a client that is not identified yet. */
  valueFor(number?: string): T | undefined {
    return (number === undefined ? undefined : this.#byAccount.get(number)) ?? this.#default;
  }
}
