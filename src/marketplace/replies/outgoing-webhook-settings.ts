import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { AppError } from '../../domain/errors/app-error.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { isLoopbackIp, isPublicIp } from '../../lib/net/ip-ranges.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { OutgoingWebhook, OutgoingWebhooks } from '../../ports/outgoing-webhooks.ts';
import type { WebhookForwarder } from './webhook-forwarder.ts';

export type OutgoingWebhookSettingsDeps = Readonly<{
  outgoingWebhooks: Pick<OutgoingWebhooks, 'get' | 'save' | 'rotate' | 'remove'>;
  webhookForwarder: Pick<WebhookForwarder, 'pendingCount'>;
  report: BusinessEvents;
  /** Accept URLs on this machine, without TLS. */
  allowLoopback: boolean;
}>;

/** After a rotation deliveries are signed with both secrets for this long. */
const secretOverlapHours = 24;
const maxUrlLength = 2_000;

/** The outgoing webhook of a company: its URL and signing secret. */
export class OutgoingWebhookSettingsService {
  readonly #deps: OutgoingWebhookSettingsDeps;

  constructor(deps: OutgoingWebhookSettingsDeps) {
    this.#deps = deps;
  }

  get(companyId: CompanyId): Promise<OutgoingWebhook | undefined> {
    return this.#deps.outgoingWebhooks.get(companyId);
  }

  /** Number of messages not yet delivered. */
  pendingCount(companyId: CompanyId): Promise<number> {
    return this.#deps.webhookForwarder.pendingCount(companyId);
  }

  /**
   * @returns the secret of a new webhook; undefined when only its URL changed
   * @throws AppError `VALIDATION_ERROR`, `COMPANY_NOT_FOUND`
   */
  async set(companyId: CompanyId, url: string): Promise<string | undefined> {
    const { outgoingWebhooks, report, allowLoopback } = this.#deps;
    const secret = newSecret();
    const isNew = await outgoingWebhooks.save(companyId, validateWebhookUrl(url, allowLoopback), secret);
    if (isNew === undefined) throw new AppError('COMPANY_NOT_FOUND');
    report.outgoingWebhookChanged(companyId, 'set');
    return isNew ? secret : undefined;
  }

  /** @returns the new secret; undefined when there is no webhook */
  async rotate(companyId: CompanyId): Promise<string | undefined> {
    const { outgoingWebhooks, report } = this.#deps;
    const secret = newSecret();
    if (!(await outgoingWebhooks.rotate(companyId, secret, secretOverlapHours))) return undefined;
    report.outgoingWebhookChanged(companyId, 'secret_rotated');
    return secret;
  }

  async remove(companyId: CompanyId): Promise<void> {
    await this.#deps.outgoingWebhooks.remove(companyId);
    this.#deps.report.outgoingWebhookChanged(companyId, 'removed');
  }
}

function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/** Host names are resolved and checked again at each connection (SSRF guard). @throws AppError `VALIDATION_ERROR` */
export function validateWebhookUrl(text: string, allowLoopback: boolean): string {
  const url = text.length <= maxUrlLength ? URL.parse(text) : null;
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') throw invalidUrlError();
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isLocal = /(^|\.)localhost\.?$/.test(host) || isLoopbackIp(host);
  if (isLocal && allowLoopback && /^https?:$/.test(url.protocol)) return url.href;
  const port = url.port === '' ? 443 : Number(url.port);
  const isPublicHost = isIP(host) === 0 ? !isLocal && host.includes('.') : isPublicIp(host);
  if (url.protocol !== 'https:' || !isPublicHost || (port !== 443 && port < 1_024)) throw invalidUrlError();
  return url.href;
}

function invalidUrlError(): AppError {
  return new AppError('VALIDATION_ERROR', {
    text: {
      ru: 'Адрес должен начинаться с https:// и вести в интернет: без логина и пароля, порт 443 или от 1024.',
      en: 'The URL must use https:// and a public host, without credentials, on port 443 or 1024 and above.',
    },
  });
}
