import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';

export type Authenticator<Caller> = Readonly<{
  guard: RequestHandler;
  /** Whom the guard of the same route found. */
  caller(request: IncomingMessage): Caller;
}>;

/** Settles who is asking before the body is read, and keeps the answer for the handler. */
export function createAuthenticator<Caller extends object | number>(
  authenticate: (request: IncomingMessage) => Promise<Caller>,
): Authenticator<Caller> {
  const callers = new WeakMap<IncomingMessage, Caller>();
  return {
    guard: async (request, _response, next) => {
      callers.set(request, await authenticate(request));
      next();
    },
    caller(request) {
      const caller = callers.get(request);
      if (caller === undefined) throw new Error('The route has no guard');
      return caller;
    },
  };
}
