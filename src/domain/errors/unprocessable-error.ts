/** A job that no repetition will ever help: it is set aside at once. `reason` is a word such as `unknown_shape`. */
export class PermanentJobError extends Error {
  override readonly name = 'PermanentJobError';
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}
