import { AppError, type BilingualText } from '../../domain/errors/app-error.ts';
import { RequestBodyError, type RequestBodyErrorReason } from '../../lib/net/read-body.ts';
import { StrictJsonError, type StrictJsonErrorReason } from '../../lib/net/strict-json.ts';

export const tooLarge = requestError(413, 'Запрос слишком большой.', 'The request is too large.');
export const unsupportedType = requestError(
  415,
  'Нужен JSON в кодировке UTF-8.',
  'The body must be JSON in UTF-8.',
);
export const unsupportedEncoding = requestError(
  415,
  'Такое сжатие не поддерживается, только gzip.',
  'This content encoding is not supported, only gzip is.',
);
export const malformedRequest = requestError(
  400,
  'Запрос не удалось прочитать.',
  'The request cannot be read.',
);

const bodyErrors: Record<RequestBodyErrorReason, RequestErrorFactory> = {
  too_large: tooLarge,
  encoding: unsupportedEncoding,
  corrupt: malformedRequest,
  aborted: malformedRequest,
};

const jsonErrors: Record<StrictJsonErrorReason, RequestErrorFactory> = {
  depth: requestError(400, 'Слишком глубокая вложенность JSON.', 'The JSON is nested too deeply.'),
  syntax: requestError(400, 'Это не JSON.', 'The body is not valid JSON.'),
  key: requestError(400, 'Недопустимое имя поля в JSON.', 'The JSON has a field name that is not allowed.'),
};

/** Turns what the readers of bodies, Express and its helpers throw into the errors of the contract. */
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

type RequestErrorFactory = (cause?: unknown) => AppError;

function requestError(httpStatus: number, ru: string, en: string): RequestErrorFactory {
  const text: BilingualText = { ru, en };
  return (cause) => new AppError('VALIDATION_ERROR', { httpStatus, text, cause });
}

/** Express, send and the URI decoder put the status of a client's fault on `status`. */
function clientErrorStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number') return undefined;
  return error.status >= 400 && error.status < 500 ? error.status : undefined;
}
