import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';

export type Identified<Who> = Readonly<{
  guard: RequestHandler;
  /** Whom the guard of the same route found. */
  of(request: IncomingMessage): Who;
}>;

/** Settles who is asking before the body is read, and keeps the answer for the handler. */
export function identified<Who extends object | number>(
  identify: (request: IncomingMessage) => Promise<Who>,
): Identified<Who> {
  const found = new WeakMap<IncomingMessage, Who>();
  return {
    guard: async (request, _response, next) => {
      found.set(request, await identify(request));
      next();
    },
    of(request) {
      const who = found.get(request);
      if (who === undefined) throw new Error('The route has no guard');
      return who;
    },
  };
}
