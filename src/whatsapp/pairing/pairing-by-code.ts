import { AppError } from '../../domain/errors/app-error.ts';
import { requestPairingCode, PairingCodeTimeoutError } from './pairing-code.ts';
import type { Pairing } from './pairing.ts';
import type { Session } from '../session/session.ts';
import type { SessionTimeouts } from '../timeouts.ts';
import type { PairingCode } from '../../ports/sessions.ts';

export type PairingCodeDependencies = Readonly<{
  /** The company's session as it is now: it may be another one after a while. */
  session: () => Session;
  runExclusive: (operation: () => Promise<void>) => Promise<void>;
  /** Opens a pairing socket unless one is open. */
  startPairing: () => Promise<void>;
  /** Everyone who watches the company. */
  publishCode: (code: PairingCode) => void;
  timeouts: Pick<SessionTimeouts, 'firstQrTimeoutMs' | 'lookupTimeoutMs'>;
}>;

/** @throws AppError `CONNECTION_FAILED` when no pairing runs */
export function requirePairing({ pairing }: Pick<Session, 'pairing'>): Pairing {
  if (pairing === undefined) throw new AppError('CONNECTION_FAILED');
  return pairing;
}

/**
 * A code that links the session when it is typed on the phone, on a socket that lives long enough for that.
 * @param number E.164 with `+`
 * @throws AppError
 */
export async function obtainPairingCode(number: string, deps: PairingCodeDependencies): Promise<PairingCode> {
  const { session, publishCode, timeouts } = deps;
  await deps.runExclusive(async () => {
    if (session().pairing?.hasTimeForPairingCode === false) await session().logout();
  });
  await deps.startPairing();
  const pairing = requirePairing(session());
  // A socket can ask for a code from the moment it could show a QR code.
  await pairing.waitForQr(timeouts.firstQrTimeoutMs);
  const { sock } = session();
  if (sock === undefined) throw new AppError('CONNECTION_FAILED');
  const expiresAt = pairing.pairingCodeExpiresAt;
  try {
    const code = await requestPairingCode(sock, number.slice(1), timeouts.lookupTimeoutMs);
    const pairingCode = pairing.setPairingCode({ code, phone: number, expiresAt });
    publishCode(pairingCode);
    return pairingCode;
  } catch (cause) {
    // WhatsApp may have taken the request, and knows one code alone.
    const revoked = cause instanceof PairingCodeTimeoutError ? pairing.revokePairingCode() : undefined;
    if (revoked !== undefined) publishCode(revoked);
    throw cause instanceof AppError ? cause : new AppError('CONNECTION_FAILED', { cause });
  }
}
