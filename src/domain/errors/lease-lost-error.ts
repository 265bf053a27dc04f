/** Another instance owns the company's session now: the write was refused, the session here must close at once. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}
