const longestPath = 200;
const longestSegment = 24;
const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/**
 * The path of a request as a log may have it: no query, no connect token, no webhook secret, and nothing long that could
 * be one of them in the wrong place.
 */
export function maskedPath(url: string): string {
  const path = (url.split(/[?#]/, 1)[0] ?? '').slice(0, longestPath);
  return path
    .replace(/(\/qr\/)[^/]+/gi, '$1***')
    .replace(/(\/webhook\/[^/]+\/).+/gi, '$1***')
    .split('/')
    .map((segment) => (segment.length > longestSegment && !uuid.test(segment) ? '***' : segment))
    .join('/');
}
