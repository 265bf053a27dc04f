import type { Config } from './config.ts';
import { type CheckedEnvironment, demoYclients } from './schema.ts';

/** What works but is hardly meant, a sentence each. */
export function configWarnings(
  config: Config,
  checked: Pick<CheckedEnvironment, 'YCLIENTS_PARTNER_TOKEN'>,
): string[] {
  const isDemoToken = checked.YCLIENTS_PARTNER_TOKEN === demoYclients.partnerToken;
  const isRealPlatform = !config.yclients.apiUrl.startsWith('http://');
  return [
    ...(isDemoToken && isRealPlatform
      ? ['YCLIENTS_PARTNER_TOKEN is a demo value: YCLIENTS will refuse every registration']
      : []),
    ...(config.production && config.http.trustProxy === 0
      ? ['TRUST_PROXY is 0: if there is a proxy in front, all visitors share its address and its rate limits']
      : []),
    ...(config.production && config.whatsapp.webSocketUrl !== undefined
      ? [
          'WHATSAPP_WS_URL is set: a simulated WhatsApp takes the messages, and no client gets one; leave it unset',
        ]
      : []),
  ];
}
