/** Another instance has acquired the session's lease: the write was rejected and the session here must close. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}
