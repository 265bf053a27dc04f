const maxPathLength = 200;
const maxSegmentLength = 24;
const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/**
 * The path of a request as a log may have it: no query, no connect token, no webhook secret, and nothing long that could
 * be one of them in the wrong place.
 */
export function maskPath(url: string): string {
  const path = (url.split(/[?#]/, 1)[0] ?? '').slice(0, maxPathLength);
  return path
    .replace(/(\/qr\/)[^/]+/gi, '$1***')
    .replace(/(\/webhook\/[^/]+\/).+/gi, '$1***')
    .split('/')
    .map((segment) => (segment.length > maxSegmentLength && !uuid.test(segment) ? '***' : segment))
    .join('/');
}
