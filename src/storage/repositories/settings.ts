import type { CompanyId } from '../../domain/ids.ts';
import { type NotificationSettings, settingsFrom } from '../../domain/notification/settings.ts';
import type { Settings } from '../../ports/messages.ts';
import type { Rpc } from '../rpc/client.ts';
import { listFrom } from '../rpc/row-reader.ts';

/** Notification settings of the companies. */
export class StoredSettings implements Settings {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async get(companyId: CompanyId): Promise<NotificationSettings> {
    const [stored] = listFrom(await this.#rpc.call('company_settings_get', { p_company_id: companyId }));
    return settingsFrom(stored);
  }

  async save(companyId: CompanyId, settings: NotificationSettings, cause: string): Promise<void> {
    await this.#rpc.call('company_settings_save', {
      p_company_id: companyId,
      p_settings: { ...settings, quietHours: settings.quietHours ?? null },
      p_cause: cause,
    });
  }
}
