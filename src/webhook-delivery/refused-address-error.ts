/** Somebody's name leads into a network that is none of theirs. */
export class RefusedAddressError extends Error {
  override readonly name = 'RefusedAddressError';
}
