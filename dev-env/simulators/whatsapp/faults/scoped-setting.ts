/** A setting for everybody, unless an account has one of its own. */
export class PerAccountSetting<T> {
  readonly #byAccount = new Map<string, T>();
  #default: T | undefined;

  /** Undefined takes the setting back; `number` names the account that it is for. */
  set(value: T | undefined, number?: string): void {
    if (number === undefined) this.#default = value;
    else if (value === undefined) this.#byAccount.delete(number);
    else this.#byAccount.set(number, value);
  }

  /** Without `number`, what holds for somebody who has not said who they are. */
  valueFor(number?: string): T | undefined {
    return (number === undefined ? undefined : this.#byAccount.get(number)) ?? this.#default;
  }
}
