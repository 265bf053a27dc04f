import { outgoingWebhookContext } from '../../crypto/encryption-context.ts';
import type { Keyring } from '../../crypto/keyring.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { OutgoingWebhook, OutgoingWebhooks } from '../../ports/outgoing-webhooks.ts';
import type { Rpc } from '../rpc/client.ts';

/** The companies' own webhooks. Secrets and URLs, which often contain a token, are encrypted. */
export class StoredOutgoingWebhooks implements OutgoingWebhooks {
  readonly #rpc: Rpc;
  readonly #keyring: Keyring;

  constructor(rpc: Rpc, keyring: Keyring) {
    this.#rpc = rpc;
    this.#keyring = keyring;
  }

  async get(companyId: CompanyId): Promise<OutgoingWebhook | undefined> {
    const row = await this.#rpc.row('outgoing_webhook_get', { p_company_id: companyId });
    if (row === undefined) return undefined;
    const open = (field: 'url' | 'secret', sealed: string): string =>
      this.#keyring.open(outgoingWebhookContext(companyId, field), Buffer.from(sealed, 'hex')).toString();
    const previousSecret = row.optionalText('previous_secret');
    const previousSecretUntil = row.optionalDate('previous_secret_until');
    const disabledAt = row.optionalDate('disabled_at');
    const failingSince = row.optionalDate('failing_since');
    return {
      version: row.text('version'),
      url: open('url', row.text('url')),
      secret: open('secret', row.text('secret')),
      ...(previousSecret !== undefined && { previousSecret: open('secret', previousSecret) }),
      ...(previousSecretUntil !== undefined && { previousSecretUntil }),
      ...(disabledAt !== undefined && { disabledAt }),
      ...(failingSince !== undefined && { failingSince }),
      createdAt: row.date('created_at'),
    };
  }

  async save(companyId: CompanyId, url: string, secret: string): Promise<boolean | undefined> {
    const isNew = await this.#rpc.call('outgoing_webhook_save', {
      p_company_id: companyId,
      p_url: this.#seal(companyId, 'url', url),
      p_secret: this.#seal(companyId, 'secret', secret),
    });
    return isNew === null ? undefined : isNew === true;
  }

  async rotate(companyId: CompanyId, secret: string, overlapHours: number): Promise<boolean> {
    return await this.#callBoolean('outgoing_webhook_rotate', {
      p_company_id: companyId,
      p_secret: this.#seal(companyId, 'secret', secret),
      p_overlap_hours: overlapHours,
    });
  }

  async remove(companyId: CompanyId): Promise<void> {
    await this.#rpc.call('outgoing_webhook_remove', { p_company_id: companyId });
  }

  async disable(companyId: CompanyId, version: string, cause: string): Promise<boolean> {
    return await this.#callBoolean('outgoing_webhook_disable', {
      p_company_id: companyId,
      p_version: version,
      p_cause: cause,
    });
  }

  async recordFailure(companyId: CompanyId, version: string, alertAfterHours: number): Promise<boolean> {
    return await this.#callBoolean('outgoing_webhook_record_failure', {
      p_company_id: companyId,
      p_version: version,
      p_notify_after_hours: alertAfterHours,
    });
  }

  async recordSuccess(companyId: CompanyId, version: string): Promise<void> {
    await this.#rpc.call('outgoing_webhook_record_success', { p_company_id: companyId, p_version: version });
  }

  async #callBoolean(name: string, args: Readonly<Record<string, unknown>>): Promise<boolean> {
    return (await this.#rpc.call(name, args)) === true;
  }

  #seal(companyId: CompanyId, field: 'url' | 'secret', value: string): string {
    return this.#keyring.seal(outgoingWebhookContext(companyId, field), value).toString('base64');
  }
}
