export type ApiRequest = Readonly<{
  method: string;
  path: string;
  query: URLSearchParams;
  accept: string;
  contentType: string;
  authorization: string;
  /** undefined: the body was no JSON. */
  body: unknown;
}>;

export type Reply = Readonly<{ status: number; body: unknown; headers?: Readonly<Record<string, string>> }>;

/** `meta` is an empty list when it has no content, as in the platform's responses. */
export function ok(data: unknown, meta: unknown = [], status = 200): Reply {
  return { status, body: { success: true, data, meta } };
}

export function errorReply(status: number, message: string, errors?: readonly string[]): Reply {
  const meta = errors === undefined ? { message } : { message, errors };
  return { status, body: { success: false, data: null, meta } };
}
