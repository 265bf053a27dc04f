import { createSecretKey, type KeyObject, randomUUID } from 'node:crypto';
import { decodeJwt, jwtVerify, SignJWT } from 'jose';
import { AppError } from '../../domain/errors/app-error.ts';
import { companyIdFrom, type CompanyId } from '../../domain/ids.ts';

const issuer = 'yclients-marketplace';
const audience = 'connect-page';
const algorithm = 'HS256';
const clockToleranceSeconds = 30;

/** YCLIENTS allows one hour between the owner's consent and the activation. */
export const connectTokenLifetimeMs = 60 * 60 * 1000;

/** Signs and verifies the JWTs that open the connect page of one company. */
export class ConnectTokenSigner {
  // Verifying with a prebuilt KeyObject is tens of times faster than with a string.
  readonly #key: KeyObject;
  readonly #now: () => Date;

  constructor(secret: string, now: () => Date) {
    this.#key = createSecretKey(Buffer.from(secret));
    this.#now = now;
  }

  async sign(companyId: CompanyId): Promise<Readonly<{ token: string; expiresAt: Date }>> {
    const expiresAt = new Date(this.#now().getTime() + connectTokenLifetimeMs);
    const token = await new SignJWT({ company_id: companyId })
      .setProtectedHeader({ alg: algorithm })
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(this.#now())
      .setExpirationTime(expiresAt)
      .setJti(randomUUID())
      .sign(this.#key);
    return { token, expiresAt };
  }

  /** @throws AppError `INVALID_TOKEN`, without the reason */
  async verify(token: string): Promise<CompanyId> {
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        algorithms: [algorithm],
        issuer,
        audience,
        clockTolerance: clockToleranceSeconds,
        currentDate: this.#now(),
      });
      return companyIdFrom(payload['company_id']);
    } catch (cause) {
      throw new AppError('INVALID_TOKEN', { cause });
    }
  }
}

/** Expiry of a verified token. */
export function connectTokenExpiry(token: string): Date {
  return new Date((decodeJwt(token).exp ?? 0) * 1000);
}
