import type { CompanyId, SalonId } from '../domain/ids.ts';

/** What the seal of a stored credential is bound to. @param name under which its row is stored */
export function credentialContext(companyId: CompanyId, type: string, name: string): string {
  return JSON.stringify(['whatsapp credentials', companyId, type, name]);
}

export function companySecretContext(salonId: SalonId, column: string): string {
  return `company:${salonId}:${column}`;
}

export function receivedMessageContext(companyId: CompanyId, id: string): string {
  return `received_message:${companyId}:${id}`;
}

/** A secret keeps its seal when it becomes the previous one. */
export function outgoingWebhookContext(companyId: CompanyId, field: 'url' | 'secret'): string {
  return `outgoing_webhook:${companyId}:${field}`;
}
