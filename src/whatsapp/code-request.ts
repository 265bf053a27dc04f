import type { BinaryNode, WASocket } from '@whiskeysockets/baileys';
import { AppError } from '../domain/errors.ts';
import { withTimeout } from '../lib/with-timeout.ts';

/** What WhatsApp answers: this, or the code of an error. */
const agreement = 'agreed';
const tooOften = '429';

/**
 * Asks WhatsApp for a code that the owner types on the phone. Baileys makes the code itself and returns it before WhatsApp has
 * agreed; a code that WhatsApp refused would only be turned down on the phone, without a word why.
 * @param number digits alone
 * @param timeoutMs how long WhatsApp may take to agree
 * @throws AppError `CONNECTION_FAILED` with what the owner can do instead
 */
export async function requestCode(sock: WASocket, number: string, timeoutMs: number): Promise<string> {
  using answer = answerToCode(sock);
  const code = await sock.requestPairingCode(number);
  const verdict = await withTimeout(answer.verdict, timeoutMs);
  if (verdict === undefined) throw unanswered();
  if (verdict !== agreement) throw refused(verdict);
  return code;
}

/** Nothing else is asked on a socket that no phone has linked, but for pings, which are not refused. */
function answerToCode(sock: WASocket): Disposable & Readonly<{ verdict: Promise<string> }> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const agreed = (): void => resolve(agreement);
  const failed = ({ content }: BinaryNode): void => {
    const error = Array.isArray(content) ? content.find(({ tag }) => tag === 'error') : undefined;
    resolve(error?.attrs['code'] ?? 'unknown');
  };
  sock.ws.on('CB:iq,,link_code_companion_reg', agreed);
  sock.ws.on('CB:iq,type:error', failed);
  return {
    verdict: promise,
    [Symbol.dispose]: () => {
      sock.ws.off('CB:iq,,link_code_companion_reg', agreed);
      sock.ws.off('CB:iq,type:error', failed);
    },
  };
}

function refused(code: string): AppError {
  const cause = new Error(`WhatsApp refused a pairing code: ${/^\d{1,4}$/.test(code) ? code : 'unknown'}`);
  if (code === tooOften) {
    return new AppError('CONNECTION_FAILED', {
      text: {
        ru: 'WhatsApp пока не даёт новых кодов для этого номера: их просили слишком часто. Подождите час или отсканируйте QR-код.',
        en: 'WhatsApp gives no more codes to this number for now: too many were asked for. Wait an hour or scan the QR code.',
      },
      cause,
    });
  }
  return new AppError('CONNECTION_FAILED', {
    text: {
      ru: 'WhatsApp не выдал код для этого номера. Проверьте, тот ли это номер WhatsApp, или отсканируйте QR-код.',
      en: 'WhatsApp gave no code for this number. Check that it is the number of this WhatsApp, or scan the QR code.',
    },
    cause,
  });
}

function unanswered(): AppError {
  return new AppError('CONNECTION_FAILED', {
    text: {
      ru: 'WhatsApp не ответил на запрос кода. Попробуйте ещё раз или отсканируйте QR-код.',
      en: 'WhatsApp did not answer the request for a code. Try again or scan the QR code.',
    },
  });
}
