import type { RequestHandler } from 'express';
import helmet from 'helmet';

export type SecurityHeaderOptions = Readonly<{
  /** Public base URL without a trailing slash. */
  publicUrl: string;
  /** Hosts that may embed the pages in a frame; none if empty. */
  frameAncestors: readonly string[];
}>;

const yearSeconds = 365 * 24 * 60 * 60;

export function securityHeaders({ publicUrl, frameAncestors }: SecurityHeaderOptions): RequestHandler {
  const https = publicUrl.startsWith('https:');
  const embeddable = frameAncestors.length > 0;
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'none'"],
        'script-src': ["'self'"],
        'style-src': ["'self'"],
        'img-src': ["'self'", 'data:'],
        // Older Safari versions do not match websocket URLs against 'self'.
        'connect-src': ["'self'", new URL(publicUrl).origin.replace(/^http/, 'ws')],
        'base-uri': ["'none'"],
        'form-action': ["'self'"],
        'object-src': ["'none'"],
        'frame-ancestors': embeddable ? [...frameAncestors] : ["'none'"],
      },
    },
    strictTransportSecurity: https ? { maxAge: yearSeconds, includeSubDomains: false } : false,
    referrerPolicy: { policy: 'no-referrer' },
    // X-Frame-Options cannot list hosts.
    xFrameOptions: embeddable ? false : { action: 'deny' },
  });
}

export const noStore: RequestHandler = (_request, response, next) => {
  response.setHeader('Cache-Control', 'no-store');
  next();
};
