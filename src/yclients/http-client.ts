import { AppError } from '../domain/errors/app-error.ts';

export type HttpRequest = Readonly<{
  method: 'GET' | 'POST' | 'PUT';
  url: string;
  authorization: string;
  body?: unknown;
  timeoutMs: number;
}>;

/** `body` is undefined when it is empty or not JSON. */
export type HttpResponse = Readonly<{ status: number; body: unknown; retryAfterMs: number | undefined }>;

/** There is no usable response. The message contains nothing of the body. */
export class YclientsUnavailableError extends Error {
  override readonly name = 'YclientsUnavailableError';
  readonly reason: 'network' | 'timeout' | 'server_error' | 'not_json' | 'too_large';

  constructor(reason: YclientsUnavailableError['reason'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

const mediaType = 'application/vnd.yclients.v2+json';
const maxBodyBytes = 2 * 1024 * 1024;

/**
 * Sends one request without retries. Does not follow redirects, because they would send the token to another host.
 *
 * @throws AppError `UPSTREAM_ERROR`, retryable, caused by YclientsUnavailableError: no response, a 408 or 5xx, or invalid JSON
 */
export async function sendRequest(request: HttpRequest): Promise<HttpResponse> {
  const { status, text, retryAfterMs } = await send(request);
  if (status === 408 || status >= 500) throw unavailableError('server_error', `YCLIENTS answered ${status}`);
  const body = parseJson(text);
  if (body === undefined && text !== '' && status < 300) {
    throw unavailableError(
      'not_json',
      `YCLIENTS answered ${status} with invalid JSON (${text.length} characters)`,
    );
  }
  return { status, body, retryAfterMs };
}

type RawHttpResponse = Readonly<{ status: number; text: string; retryAfterMs: number | undefined }>;

async function send({ method, url, authorization, body, timeoutMs }: HttpRequest): Promise<RawHttpResponse> {
  try {
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      headers: { authorization, accept: mediaType, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await readLimited(response);
    return {
      status: response.status,
      text,
      retryAfterMs: parseRetryAfterMs(response.headers.get('retry-after')),
    };
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const isTimeout = cause instanceof DOMException && cause.name === 'TimeoutError';
    throw isTimeout
      ? unavailableError('timeout', `YCLIENTS did not answer within ${timeoutMs} ms`, cause)
      : unavailableError('network', 'Connection to YCLIENTS failed', cause);
  }
}

async function readLimited(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBodyBytes)
      throw unavailableError('too_large', `YCLIENTS response exceeded ${maxBodyBytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseRetryAfterMs(header: string | null): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}

function unavailableError(
  reason: YclientsUnavailableError['reason'],
  message: string,
  cause?: unknown,
): AppError {
  return new AppError('UPSTREAM_ERROR', { cause: new YclientsUnavailableError(reason, message, cause) });
}
