import type { CompanyId, SalonId } from '../ids.ts';
import type { Language } from '../language.ts';
import type { BusinessType } from './business-type.ts';
import type { SessionState } from './session-state.ts';

export const integrationStatuses = [
  'pending_whatsapp',
  'activating',
  'active',
  'activation_failed',
  'frozen',
  'uninstalled',
] as const;

/** State of the installation in YCLIENTS. */
export type IntegrationStatus = (typeof integrationStatuses)[number];

/** A salon that has registered. */
export type Company = Readonly<{
  id: CompanyId;
  salonId: SalonId;
  title: string;
  businessType: BusinessType;
  /** IANA name such as `Europe/Moscow`. Undefined when YCLIENTS gives none: no message is planned without it. */
  timeZone: string | undefined;
  language: Language;
  /** YCLIENTS user who connected the salon; undefined when an administrator registered it. */
  ownerUserId: number | undefined;
  integrationStatus: IntegrationStatus;
  sessionState: SessionState;
  sessionStateSince: Date;
  /** Reason or disconnect code, such as `no_credentials` or `503`. */
  sessionCause: string | undefined;
  /** The number linked last, E.164 with `+`. */
  whatsappPhone: string | undefined;
  connectedAt: Date | undefined;
  /** SHA-256 of the secret in the webhook path, lower-case hex. */
  webhookSecretHash: string;
  createdAt: Date;
}>;
