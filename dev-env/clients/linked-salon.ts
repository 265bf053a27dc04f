import { adminApiKey, demoSalon, ownerNumber, type Stack } from '../network.ts';
import type { SimulatedPhone } from '../simulators/whatsapp/phone/simulated-phone.ts';
import { waitFor } from '../wait-for.ts';
import {
  sendRequest,
  companyIdFromToken,
  ConnectPageClient,
  openRegistration,
  fetchStatus,
} from './test-clients.ts';

/** A salon whose WhatsApp is linked and whose integration is active. */
export type LinkedSalon = Readonly<{
  salonId: number;
  companyId: number;
  token: string;
  owner: SimulatedPhone;
  /** Webhook URL that the server registered at activation. */
  webhookUrl: string;
  apiKey: string;
}>;

/** Performs the owner's steps from "Подключить" to the active integration. */
export async function linkSalon(
  stack: Stack,
  { salonId = demoSalon.id, number = ownerNumber }: Readonly<{ salonId?: number; number?: string }> = {},
): Promise<LinkedSalon> {
  const [token = ''] = await openRegistration(stack.yclients.pressConnect(salonId));
  const owner = stack.whatsapp.phone(number);
  using page = new ConnectPageClient(stack.url, token);
  const { text } = await page.requestQr();
  await owner.scan(text);
  await waitUntilActive(stack, token);
  // Suites run at any time of day.
  await changeSettings(stack, token, { quiet_hours: null });
  const { apiKey = '', webhookUrls } = stack.yclients.salon(salonId).activation;
  return {
    salonId,
    companyId: companyIdFromToken(token),
    token,
    owner,
    webhookUrl: webhookUrls[0] ?? '',
    apiKey,
  };
}

export type SettingsView = Readonly<{
  enabled: Readonly<Record<string, boolean>>;
  templates: Readonly<Record<string, string | null>>;
  quiet_hours: Readonly<{ from: string; to: string }> | null;
  small_shift_minutes: number;
  review_link: string | null;
}>;

/** Changes the notification settings through the API of the settings page. */
export async function changeSettings(
  { url }: Readonly<{ url: string }>,
  token: string,
  changes: Partial<SettingsView>,
): Promise<void> {
  const settingsUrl = `${url}/marketplace/settings/${companyIdFromToken(token)}`;
  const headers = { authorization: `Bearer ${token}` };
  const current = await sendRequest(settingsUrl, { headers });
  const { settings } = (await current.json()) as { settings: SettingsView };
  const saved = await sendRequest(settingsUrl, { method: 'PUT', headers, body: { ...settings, ...changes } });
  if (!saved.ok) throw new Error(`The settings answered ${saved.status}: ${await saved.text()}`);
}

export async function waitUntilActive(stack: Stack, token: string, timeoutMs = 20_000): Promise<void> {
  await waitFor(
    'the salon to be linked and active',
    async () => {
      const status = await fetchStatus(stack.url, token);
      return status.whatsapp_connected && status.integration_status === 'active';
    },
    timeoutMs,
  );
}

export type Stats = Readonly<{
  total: number;
  connected: number;
  by_status: Readonly<Record<string, number>>;
}>;

/** Statistics of all companies, by the admin API. */
export async function fetchStats({ url }: Stack): Promise<Stats> {
  const response = await sendRequest(`${url}/marketplace/companies`, {
    headers: { 'x-api-key': adminApiKey },
  });
  if (!response.ok) throw new Error(`The statistics answered ${response.status}`);
  return ((await response.json()) as { stats: Stats }).stats;
}

/** Local date and time in the future, relative to today. */
export function dateInDays(days: number, time: string): string {
  return `${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)} ${time}`;
}
