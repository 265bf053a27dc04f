/** A job that no repetition will ever help: it is set aside at once. `reason` is a word such as `unknown_shape`. */
export class UnprocessableError extends Error {
  override readonly name = 'UnprocessableError';
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}
