import type { BusinessType } from './business-type.ts';
import type { CompanyId, SalonId } from '../ids.ts';
import type { SessionState } from './session-state.ts';
import type { Language } from '../language.ts';

export const integrationStatuses = [
  'pending_whatsapp',
  'activating',
  'active',
  'activation_failed',
  'frozen',
  'uninstalled',
] as const;

/** Where a company stands with the platform. */
export type IntegrationStatus = (typeof integrationStatuses)[number];

/** One salon that registered with us. */
export type Company = Readonly<{
  id: CompanyId;
  salonId: SalonId;
  title: string;
  businessType: BusinessType;
  /** IANA name such as `Europe/Moscow`; undefined when the platform did not tell: no time may be printed then. */
  timeZone: string | undefined;
  language: Language;
  /** The platform's number of the person who connected the salon; undefined when an administrator registered it. */
  ownerUserId: number | undefined;
  integrationStatus: IntegrationStatus;
  sessionState: SessionState;
  sessionStateSince: Date;
  /** A word or a disconnect code; undefined where the state says it all. */
  sessionCause: string | undefined;
  /** E.164 with `+`, of the number linked last. */
  whatsappPhone: string | undefined;
  connectedAt: Date | undefined;
  /** Lower-case hex SHA-256 of the secret in the webhook path. */
  webhookSecretHash: string;
  createdAt: Date;
}>;
