import { createSecretKey, type KeyObject, randomUUID } from 'node:crypto';
import { decodeJwt, jwtVerify, SignJWT } from 'jose';
import { AppError } from '../../domain/errors/app-error.ts';
import { companyIdFrom, type CompanyId } from '../../domain/ids.ts';

const issuer = 'yclients-marketplace';
const audience = 'connect-page';
const algorithm = 'HS256';
const clockToleranceSeconds = 30;

/** The platform gives an owner one hour from the consent to the activation; the link lives as long. */
export const connectTokenLifetimeMs = 60 * 60 * 1000;

/** Signs and reads the tokens that open the connect page of one company. */
export class ConnectTokenSigner {
  // A prebuilt KeyObject: verifying with a string costs tens of times more.
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

  /** @throws AppError `INVALID_TOKEN`, the same for every reason */
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

/** When a token that has been verified runs out. */
export function connectTokenExpiry(token: string): Date {
  return new Date((decodeJwt(token).exp ?? 0) * 1000);
}
