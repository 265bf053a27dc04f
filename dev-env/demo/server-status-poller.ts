import { adminApiKey } from '../network.ts';
import type { ServerState } from './demo-state.ts';

const timeoutMs = 2000;

type Status = Readonly<{
  whatsapp_phone: string | null;
  integration_status: string;
  session_state: string;
}>;

/** Polls the server's health and the status of its only company. */
export class ServerStatusPoller {
  readonly #url: string;
  /** Known once the marketplace has sent a browser to the connect page. */
  companyId: number | undefined;
  state: ServerState = { health: 'ready', session: null, integration: null, phone: null };

  constructor(url: string) {
    this.#url = url;
  }

  async refresh(): Promise<void> {
    try {
      const ready = await this.#get('/health/ready');
      const health = ready.ok ? 'ready' : 'not ready';
      this.state = { ...this.state, health, ...(await this.#company()) };
    } catch {
      this.state = { ...this.state, health: 'unreachable' };
    }
  }

  async #company(): Promise<Partial<ServerState>> {
    if (this.companyId === undefined) return {};
    const response = await this.#get(`/marketplace/status/${this.companyId}`);
    if (!response.ok) return {};
    const status = (await response.json()) as Status;
    return {
      session: status.session_state,
      integration: status.integration_status,
      phone: status.whatsapp_phone,
    };
  }

  #get(path: string): Promise<Response> {
    return fetch(this.#url + path, {
      headers: { 'x-api-key': adminApiKey },
      signal: AbortSignal.timeout(timeoutMs),
    });
  }
}
