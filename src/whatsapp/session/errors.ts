import type { SessionState } from '../../domain/company/session-state.ts';
import { AppError, type BilingualText } from '../../domain/errors/app-error.ts';

/** A linked session that is connected, or connecting by itself, must not be replaced. */
export function pairingNotAllowedError(state: SessionState): AppError | undefined {
  if (state === 'connected') return alreadyConnectedError();
  const isConnecting = state === 'connecting' || state === 'reconnecting';
  return isConnecting ? alreadyConnectingError() : undefined;
}

const pairingEndedTexts: Readonly<Partial<Record<SessionState, BilingualText>>> = {
  banned: {
    ru: 'WhatsApp ограничил или заблокировал этот номер. Откройте WhatsApp на телефоне: там написано, что делать.',
    en: 'WhatsApp has restricted or banned this number. Open WhatsApp on the phone for details.',
  },
  logged_out: {
    ru: 'WhatsApp отказался привязать это устройство. Запросите новый код.',
    en: 'WhatsApp refused to link this device. Request a new code.',
  },
  stopped: {
    ru: 'WhatsApp отказал в подключении. Обновите WhatsApp на телефоне; если не поможет, напишите в поддержку.',
    en: 'WhatsApp refused the connection. Update WhatsApp on the phone; if that does not help, contact support.',
  },
};

/** The error for requests that wait for a QR code when the session is parked in this state. */
export function pairingEndedError(state: SessionState, detail = ''): AppError {
  if (state === 'qr_expired') return new AppError('QR_EXPIRED');
  if (state === 'passkey_required') return new AppError('PASSKEY_REQUIRED');
  // A numeric detail is WhatsApp's own code; the texts describe only those.
  const text = /^\d/.test(detail) ? pairingEndedTexts[state] : undefined;
  return new AppError('CONNECTION_FAILED', text === undefined ? {} : { text });
}

function alreadyConnectedError(): AppError {
  return new AppError('FORBIDDEN', {
    text: {
      ru: 'WhatsApp уже подключён. Чтобы подключить другой номер, сначала отключите этот.',
      en: 'WhatsApp is already connected. Disconnect this number before connecting another one.',
    },
  });
}

export function alreadyConnectingError(): AppError {
  return new AppError('CONNECTION_FAILED', {
    text: {
      ru: 'WhatsApp уже подключается. Подождите немного.',
      en: 'WhatsApp is already connecting. Please wait a moment.',
    },
  });
}

export function leasedElsewhereError(): AppError {
  return new AppError('CONNECTION_FAILED', {
    text: {
      ru: 'Этот салон сейчас обслуживает другой сервер. Попробуйте ещё раз через минуту.',
      en: 'Another server is currently serving this salon. Try again in a minute.',
    },
  });
}

export function notConnectedError(cause?: unknown): AppError {
  return new AppError('CONNECTION_FAILED', {
    text: {
      ru: 'WhatsApp салона не подключён: сообщение не отправлено.',
      en: 'WhatsApp is not connected for this salon; the message was not sent.',
    },
    cause,
  });
}
