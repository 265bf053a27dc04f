import type { Request } from 'express';

/** One segment of the path, decoded; empty when the route has no such parameter. */
export function pathParameter(request: Pick<Request, 'params'>, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}
