import type { Request, RequestHandler } from 'express';
import Joi from 'joi';
import { AppError, type BilingualText } from '../../domain/errors/app-error.ts';

/** Replaces the body with the value that `schema` validated and converted. */
export function validate<Body>(
  schema: Joi.ObjectSchema<Body>,
): RequestHandler<Request['params'], unknown, Body> {
  return (request, _response, next) => {
    request.body = validateValue(schema, request.body);
    next();
  };
}

/** @throws AppError `VALIDATION_ERROR` that names the first invalid field but not its value */
export function validateValue<Value>(schema: Joi.ObjectSchema<Value>, value: unknown): Value {
  const result = schema.required().validate(value, { abortEarly: true, convert: true });
  if (result.error === undefined) return result.value;
  const [detail] = result.error.details;
  const thrown: unknown = detail?.context?.['error'];
  if (thrown instanceof AppError) throw thrown;
  throw new AppError('VALIDATION_ERROR', {
    text: validationMessage(detail?.type ?? '', detail?.path ?? []),
    cause: result.error,
  });
}

/** A Joi rule that runs a domain parser; `validateValue` rethrows the parser's own AppError. */
export function parseWith<Value>(parse: (value: unknown) => Value): Joi.AnySchema<Value> {
  return Joi.any<Value>().custom((value: unknown) => parse(value));
}

function validationMessage(type: string, path: readonly (string | number)[]): BilingualText {
  const field = path.join('.');
  if (!/^[\w.]{1,64}$/.test(field)) {
    return { ru: 'Тело запроса заполнено неверно.', en: 'The request body is invalid.' };
  }
  if (type === 'any.required') {
    return { ru: `Поле ${field} обязательно.`, en: `The field ${field} is required.` };
  }
  if (type === 'object.unknown') {
    return { ru: `Поле ${field} лишнее.`, en: `The field ${field} is unknown.` };
  }
  return { ru: `Поле ${field} заполнено неверно.`, en: `The field ${field} is not valid.` };
}
