import type { ClientVersion } from '../connection/client-version.ts';
import type { LoginRefusal } from '../connection/login-refusal.ts';
import type { PasskeyStep } from '../pairing/passkey-challenge.ts';
import { PerAccountSetting } from './per-account-setting.ts';
import { QueryFaults } from './query-faults.ts';
import { Restrictions } from './restrictions.ts';

/** Tag of a request to replace the ADV secret of a QR code; WhatsApp sends either. */
export type SecretRefresh = 'companion_reg_refresh' | 'pair-device-rotate-qr';

/** Active faults of the service. */
export class Faults {
  /** Failure of logins; without an account, of registrations too. */
  readonly loginRefusal = new PerAccountSetting<LoginRefusal>();
  /** Clients that announce an older one are refused with 405. */
  oldestVersion: ClientVersion | undefined;
  /** HTTP status that answers every attempt to open a WebSocket. */
  upgradeRefusal: number | undefined;
  readonly queries = new QueryFaults();
  /** Error that answers every request for a pairing code. */
  codeRefusal: number | undefined;
  /** Replaces the default delay of acknowledgements. */
  readonly ackDelayMs = new PerAccountSetting<number>();
  readonly acksWithheld = new PerAccountSetting<boolean>();
  /** Error of the acknowledgement of every message to another person; such a message is not delivered. */
  readonly messageRejection = new PerAccountSetting<string>();
  /** Messages addressed by phone number are refused with 463, those addressed by hidden identity pass. */
  lidAddressingRequired = false;
  readonly restrictions: Restrictions;
  /** Frozen accounts, by number. */
  readonly frozen = new Set<string>();
  /** Accounts whose first scan per connection invalidates the ADV secret of the QR code, by number. */
  readonly secretRefreshRequired = new Map<string, SecretRefresh>();
  /** Accounts that cannot be linked without a passkey, by number. */
  readonly passkeyRequired = new Map<string, PasskeyStep>();

  constructor(now: () => number) {
    this.restrictions = new Restrictions(now);
  }
}
