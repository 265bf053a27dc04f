import { AppError } from '../../domain/errors/app-error.ts';
import type { PairingCode } from '../../ports/ports.ts';
import { requestCode, UnansweredError } from './pairing-code.ts';
import type { Pairing } from './pairing.ts';
import type { Session } from '../session/session.ts';
import type { SessionTimings } from '../timeouts.ts';

export type CodePairing = Readonly<{
  /** The company's session as it is now: it may be another one after a while. */
  session: () => Session;
  exclusive: (change: () => Promise<void>) => Promise<void>;
  /** Opens a pairing socket unless one is open. */
  begin: () => Promise<void>;
  /** Everyone who watches the company. */
  tell: (code: PairingCode) => void;
  timings: Pick<SessionTimings, 'firstQrTimeoutMs' | 'lookupTimeoutMs'>;
}>;

/** @throws AppError `CONNECTION_FAILED` when no pairing runs */
export function pairingOf({ pairing }: Pick<Session, 'pairing'>): Pairing {
  if (pairing === undefined) throw new AppError('CONNECTION_FAILED');
  return pairing;
}

/**
 * A code that links the session when it is typed on the phone, on a socket that lives long enough for that.
 * @param number E.164 with `+`
 * @throws AppError
 */
export async function pairByCode(number: string, company: CodePairing): Promise<PairingCode> {
  const { session, tell, timings } = company;
  await company.exclusive(async () => {
    if (session().pairing?.hasTimeForCode === false) await session().logout();
  });
  await company.begin();
  const pairing = pairingOf(session());
  // A socket can ask for a code from the moment it could show a QR code.
  await pairing.liveCode(timings.firstQrTimeoutMs);
  const { sock } = session();
  if (sock === undefined) throw new AppError('CONNECTION_FAILED');
  const expiresAt = pairing.codeEndsAt;
  try {
    const code = await requestCode(sock, number.slice(1), timings.lookupTimeoutMs);
    const agreed = pairing.codeAgreed({ code, phone: number, expiresAt });
    tell(agreed);
    return agreed;
  } catch (cause) {
    // WhatsApp may have taken the request, and knows one code alone.
    const lost = cause instanceof UnansweredError ? pairing.takeCodeBack() : undefined;
    if (lost !== undefined) tell(lost);
    throw cause instanceof AppError ? cause : new AppError('CONNECTION_FAILED', { cause });
  }
}
