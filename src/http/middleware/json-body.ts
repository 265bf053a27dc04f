import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { readBody } from '../../lib/net/read-body.ts';
import { type JsonOptions, parseStrictJson } from '../../lib/net/strict-json.ts';
import { malformedRequest, unsupportedType } from '../request-errors.ts';

const maxBodyBytes = 64 * 1024;
const maxJsonDepth = 32;

/**
 * Reads a JSON body of at most 64 KB and 32 levels into `request.body`. Other content types and charsets are 415; the keys
 * `__proto__`, `constructor` and `prototype` are 400.
 */
export function jsonBody(options: JsonOptions = {}): RequestHandler {
  return async (request, _response, next) => {
    requireJson(request.headers['content-type']);
    request.body = parseJson(await readBody(request, maxBodyBytes), options);
    next();
  };
}

/**
 * The parsed body and its raw bytes; a missing `Content-Type` counts as JSON.
 * @throws AppError, RequestBodyError, StrictJsonError; `toAppError` maps them to error responses
 */
export async function readJsonAndBytes(
  request: IncomingMessage,
): Promise<Readonly<{ body: unknown; bytes: Buffer }>> {
  requireJson(request.headers['content-type'] ?? 'application/json');
  const bytes = await readBody(request, maxBodyBytes);
  return { body: parseJson(bytes, {}), bytes };
}

function parseJson(bytes: Buffer, options: JsonOptions): unknown {
  return parseStrictJson(decodeUtf8(bytes), maxJsonDepth, options);
}

const jsonContentType = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;
const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i;

function requireJson(contentType: string | undefined): void {
  const type = contentType ?? '';
  if (!jsonContentType.test(type) || !/^utf-?8$/i.test(charset.exec(type)?.[1] ?? 'utf-8'))
    throw unsupportedType();
}

function decodeUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw malformedRequest(error);
  }
}
