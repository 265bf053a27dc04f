import type { Language } from '../language.ts';

/** A sentence for users. */
export type BilingualText = Readonly<Record<Language, string>>;

type ErrorDefinition = Readonly<{ httpStatus: number; retryable: boolean; text: BilingualText }>;

/** Error codes of the HTTP and Socket.IO contract, with default status and sentence. */
export const errorCodes = {
  INVALID_TOKEN: {
    httpStatus: 401,
    retryable: false,
    text: {
      ru: 'Ссылка недействительна или устарела. Откройте приложение в YCLIENTS ещё раз.',
      en: 'This link is not valid or has expired. Open the application in YCLIENTS again.',
    },
  },
  RATE_LIMIT: {
    httpStatus: 429,
    retryable: true,
    text: {
      ru: 'Слишком много попыток. Подождите немного.',
      en: 'Too many attempts. Please wait a moment.',
    },
  },
  QR_EXPIRED: {
    httpStatus: 410,
    retryable: false,
    text: {
      ru: 'Время QR-кода истекло. Запросите новый.',
      en: 'The QR code has expired. Request a new one.',
    },
  },
  CONNECTION_FAILED: {
    httpStatus: 500,
    retryable: true,
    text: {
      ru: 'Не удалось подключиться к WhatsApp. Попробуйте ещё раз.',
      en: 'Could not connect to WhatsApp. Try again.',
    },
  },
  COMPANY_NOT_FOUND: {
    httpStatus: 404,
    retryable: false,
    text: { ru: 'Салон не найден. Проверьте ссылку.', en: 'The salon was not found. Check the link.' },
  },
  REDIS_ERROR: {
    httpStatus: 503,
    retryable: true,
    text: { ru: 'Сервис временно недоступен.', en: 'The service is temporarily unavailable.' },
  },
  DB_ERROR: {
    httpStatus: 503,
    retryable: true,
    text: {
      ru: 'База данных временно недоступна. Повторите через несколько секунд.',
      en: 'The database is temporarily unavailable. Try again in a few seconds.',
    },
  },
  VALIDATION_ERROR: {
    httpStatus: 400,
    retryable: false,
    text: { ru: 'Запрос заполнен неверно.', en: 'The request is not valid.' },
  },
  FORBIDDEN: {
    httpStatus: 403,
    retryable: false,
    text: { ru: 'Доступ запрещён.', en: 'Access denied.' },
  },
  PASSKEY_REQUIRED: {
    httpStatus: 409,
    retryable: false,
    text: {
      ru: 'WhatsApp требует для этого номера ключ доступа (passkey). Привязать его по QR-коду сейчас нельзя.',
      en: 'WhatsApp requires a passkey for this number. It cannot be linked by QR code at the moment.',
    },
  },
  UPSTREAM_ERROR: {
    httpStatus: 502,
    retryable: true,
    text: {
      ru: 'YCLIENTS не ответил как положено. Попробуйте позже.',
      en: 'YCLIENTS returned an unexpected response. Try again later.',
    },
  },
  NOT_FOUND: {
    httpStatus: 404,
    retryable: false,
    text: { ru: 'Такой страницы нет.', en: 'Page not found.' },
  },
  INTERNAL_ERROR: {
    httpStatus: 500,
    retryable: true,
    text: {
      ru: 'Что-то пошло не так на нашей стороне. Мы уже знаем об этом.',
      en: 'Something went wrong on our side. We have been notified.',
    },
  },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof errorCodes;

export type AppErrorOptions = Readonly<{
  /** Replaces the default sentence; must not contain secrets, phones or message texts. */
  text?: BilingualText;
  /** Replaces the default status, such as 413 for a `VALIDATION_ERROR`. */
  httpStatus?: number;
  retryable?: boolean;
  retryAfterSeconds?: number;
  cause?: unknown;
}>;

/** An error whose text and code are shown to users. Any other error becomes an opaque 500. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly text: BilingualText;
  readonly httpStatus: number;
  readonly retryable: boolean;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    const definition = errorCodes[code];
    const text = options.text ?? definition.text;
    super(text.en, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.text = text;
    this.httpStatus = options.httpStatus ?? definition.httpStatus;
    this.retryable = options.retryable ?? definition.retryable;
    this.retryAfterSeconds = options.retryAfterSeconds ?? (code === 'DB_ERROR' ? 5 : undefined);
  }
}

/** The part of an error that HTTP and Socket.IO responses disclose. */
export type PublicError = Readonly<{
  code: ErrorCode;
  httpStatus: number;
  message: string;
  retryAfterSeconds: number | undefined;
}>;

/** Errors other than AppError become `INTERNAL_ERROR`. */
export function toPublicError(error: unknown, language: Language): PublicError {
  const appError = error instanceof AppError ? error : new AppError('INTERNAL_ERROR');
  return {
    code: appError.code,
    httpStatus: appError.httpStatus,
    message: appError.text[language],
    retryAfterSeconds: appError.retryAfterSeconds,
  };
}
