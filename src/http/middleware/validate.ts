import type { Request, RequestHandler } from 'express';
import Joi from 'joi';
import { AppError, type BilingualText } from '../../domain/errors/app-error.ts';

/** Checks the JSON body against `schema` and hands the handler what the schema made of it. */
export function validate<Body>(
  schema: Joi.ObjectSchema<Body>,
): RequestHandler<Request['params'], unknown, Body> {
  return (request, _response, next) => {
    request.body = validateValue(schema, request.body);
    next();
  };
}

/** @throws AppError `VALIDATION_ERROR` that names the first wrong field, never its value */
export function validateValue<Value>(schema: Joi.ObjectSchema<Value>, value: unknown): Value {
  const outcome = schema.required().validate(value, { abortEarly: true, convert: true });
  if (outcome.error === undefined) return outcome.value;
  const [problem] = outcome.error.details;
  const thrown: unknown = problem?.context?.['error'];
  if (thrown instanceof AppError) throw thrown;
  throw new AppError('VALIDATION_ERROR', {
    text: validationMessage(problem?.type ?? '', problem?.path ?? []),
    cause: outcome.error,
  });
}

/** A joi rule that runs a parser of the domain; the parser's own AppError reaches the caller. */
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
