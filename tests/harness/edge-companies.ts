import { createHash } from 'node:crypto';
import type { Company } from '../../src/domain/company/company.ts';
import { AppError } from '../../src/domain/errors/app-error.ts';
import { type CompanyId, companyIdFrom, salonIdFrom } from '../../src/domain/ids.ts';

export const companyId = companyIdFrom(41);
export const otherCompanyId = companyIdFrom(42);

/** Connect tokens of the two companies that the edges know in their tests. */
export const token = tokenUntil(new Date('2026-04-01T11:00:00Z'), 41);
export const otherToken = tokenUntil(new Date('2026-04-01T11:00:00Z'), 42);
export const apiKey = 'ymk_company-41-key';
export const webhookSecret = 'webhook-secret-of-41';

/** A connect token in form; nothing of it is signed. */
export function tokenUntil(expiresAt: Date, ofCompany: number): string {
  const part = (content: unknown): string => Buffer.from(JSON.stringify(content)).toString('base64url');
  const claims = { company_id: ofCompany, exp: expiresAt.getTime() / 1000 };
  return `${part({ alg: 'HS256' })}.${part(claims)}.signature`;
}

export function companyWith(id: CompanyId, changes: Partial<Company> = {}): Company {
  return {
    id,
    salonId: salonIdFrom(510_000 + id),
    title: 'Салон «Ромашка»',
    businessType: 'beauty',
    timeZone: 'Europe/Moscow',
    language: 'ru',
    ownerUserId: 7,
    integrationStatus: 'pending_whatsapp',
    sessionState: 'idle',
    sessionStateSince: new Date('2026-04-01T09:00:00Z'),
    sessionCause: undefined,
    whatsappPhone: undefined,
    connectedAt: undefined,
    webhookSecretHash: createHash('sha256').update(webhookSecret).digest('hex'),
    createdAt: new Date('2026-04-01T09:00:00Z'),
    ...changes,
  };
}

/** Knows the two tokens above, and that each is for its own company only. */
export async function validateToken(offered: string, wanted?: CompanyId): Promise<CompanyId> {
  const owner = offered === token ? companyId : offered === otherToken ? otherCompanyId : undefined;
  if (owner === undefined || (wanted !== undefined && wanted !== owner)) throw new AppError('INVALID_TOKEN');
  return owner;
}
