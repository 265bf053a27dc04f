import type { CompanyId, SalonId } from '../domain/ids.ts';

/**
 * Associated data (AAD) of encrypted values: a ciphertext copied to another owner or field does not decrypt.
 * The texts must not change, since stored values are bound to them.
 */

/** @param name hashed id under which the row is stored */
export function credentialContext(companyId: CompanyId, type: string, name: string): string {
  return JSON.stringify(['whatsapp credentials', companyId, type, name]);
}

export function companySecretContext(salonId: SalonId, column: string): string {
  return `company:${salonId}:${column}`;
}

export function receivedMessageContext(companyId: CompanyId, id: string): string {
  return `received_message:${companyId}:${id}`;
}

/** The same context for current and previous secret, so that a rotation can move the ciphertext. */
export function outgoingWebhookContext(companyId: CompanyId, field: 'url' | 'secret'): string {
  return `outgoing_webhook:${companyId}:${field}`;
}
