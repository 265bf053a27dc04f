/** Somebody's name leads into a network that is none of theirs. */
export class NonPublicAddressError extends Error {
  override readonly name = 'NonPublicAddressError';
}
