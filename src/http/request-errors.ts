import { AppError, type BilingualText } from '../domain/errors/app-error.ts';
import { RequestBodyError, type RequestBodyErrorReason } from '../lib/net/read-body.ts';
import { StrictJsonError, type StrictJsonErrorReason } from '../lib/net/strict-json.ts';

type RequestErrorFactory = (cause?: unknown) => AppError;

export const malformedRequest = requestError(
  400,
  'Запрос не удалось прочитать.',
  'The request is malformed.',
);

export const unsupportedType = requestError(
  415,
  'Нужен JSON в кодировке UTF-8.',
  'The body must be JSON in UTF-8.',
);

const unsupportedEncoding = requestError(
  415,
  'Такое сжатие не поддерживается, только gzip.',
  'Unsupported content encoding; only gzip is supported.',
);

const tooLarge = requestError(413, 'Запрос слишком большой.', 'The request is too large.');

const bodyErrors: Readonly<Record<RequestBodyErrorReason, RequestErrorFactory>> = {
  too_large: tooLarge,
  encoding: unsupportedEncoding,
  corrupt: malformedRequest,
  aborted: malformedRequest,
};

const jsonErrors: Readonly<Record<StrictJsonErrorReason, RequestErrorFactory>> = {
  depth: requestError(400, 'Слишком глубокая вложенность JSON.', 'The JSON is nested too deeply.'),
  syntax: requestError(400, 'Это не JSON.', 'The body is not valid JSON.'),
  key: requestError(400, 'Недопустимое имя поля в JSON.', 'The JSON contains a forbidden field name.'),
};

/** Maps errors of the body readers, Express, `send` and the URI decoder to AppErrors; returns any other unchanged. */
export function toAppError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  if (error instanceof RequestBodyError) return bodyErrors[error.reason](error);
  if (error instanceof StrictJsonError) return jsonErrors[error.reason](error);
  const status = clientErrorStatus(error);
  if (status === undefined) return error;
  if (status === 404) return new AppError('NOT_FOUND', { cause: error });
  if (status === 413) return tooLarge(error);
  return malformedRequest(error);
}

/** Express, `send` and the URI decoder set the 4xx status of a client error on `status`. */
function clientErrorStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number') return undefined;
  return error.status >= 400 && error.status < 500 ? error.status : undefined;
}

function requestError(httpStatus: number, ru: string, en: string): RequestErrorFactory {
  const text: BilingualText = { ru, en };
  return (cause) => new AppError('VALIDATION_ERROR', { httpStatus, text, cause });
}
