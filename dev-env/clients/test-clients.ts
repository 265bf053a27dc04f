import jsqr from 'jsqr';
import { PNG } from 'pngjs';
import { io, type Socket } from 'socket.io-client';
import { waitFor } from '../wait-for.ts';

export type QrUpdate = Readonly<{
  qr: string;
  expiresIn: number;
  expiresAt: string;
  sequence: number;
  text: string;
}>;

let clientCount = 0;

/**
 * A new IP address for `X-Forwarded-For` to a server with `TRUST_PROXY=1`: rate limits per address would otherwise stop a
 * test, whose requests all come from one machine.
 */
export function uniqueClientIp(): string {
  clientCount += 1;
  return `198.18.${clientCount >> 8}.${clientCount & 255}`;
}

/** Sends a request from a new IP address. */
export async function sendRequest(
  url: string | URL,
  options: Readonly<{ method?: string; headers?: Readonly<Record<string, string>>; body?: unknown }> = {},
): Promise<Response> {
  const { method, headers, body } = options;
  const isRaw = body === undefined || typeof body === 'string';
  return await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    redirect: 'manual',
    headers: {
      'x-forwarded-for': uniqueClientIp(),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: isRaw ? body : JSON.stringify(body) }),
  });
}

/** A browser with the connect page: records the events it receives. */
export class ConnectPageClient implements Disposable {
  readonly token: string;
  readonly socket: Socket;
  readonly codes: QrUpdate[] = [];
  readonly states: string[] = [];
  readonly errors: Readonly<{ code: string; message: string }>[] = [];
  connected: Readonly<{ phone: string; companyId: number }> | undefined;

  constructor(serverUrl: string, token: string) {
    this.token = token;
    this.socket = io(`${serverUrl}/marketplace`, {
      transports: ['websocket'],
      auth: { token },
      extraHeaders: { origin: new URL(serverUrl).origin, 'x-forwarded-for': uniqueClientIp() },
    });
    this.socket.on('qr-update', (code: QrUpdate) => this.codes.push(code));
    this.socket.on('session-state', ({ state }: { state: string }) => this.states.push(state));
    this.socket.on('error', (error: { code: string; message: string }) => this.errors.push(error));
    this.socket.on('whatsapp-connected', (session: { phone: string; companyId: number }) => {
      this.connected = session;
    });
  }

  /** Requests a QR code and waits for it. */
  async requestQr(): Promise<QrUpdate> {
    const before = this.codes.length;
    this.socket.emit('request-qr');
    return await waitFor('a QR code on the page', () => this.codes[before] ?? this.codes.at(-1), 10_000);
  }

  [Symbol.dispose](): void {
    this.socket.disconnect();
  }
}

/** Follows a redirect from the marketplace, as the owner's browser does. @returns the tokens of the connect page */
export async function openRegistration(redirect: URL): Promise<string[]> {
  const response = await sendRequest(redirect);
  if (response.status !== 303)
    throw new Error(`Registration answered ${response.status}: ${await response.text()}`);
  const fragment = new URLSearchParams(new URL(response.headers.get('location') ?? '').hash.slice(1));
  return (fragment.get('token') ?? fragment.get('tokens') ?? '').split(',');
}

/** Decodes a QR code image. */
export function decodeQr(dataUrl: string): string {
  const png = PNG.sync.read(Buffer.from(dataUrl.replace(/^data:image\/png;base64,/, ''), 'base64'));
  const code = jsqr.default(new Uint8ClampedArray(png.data), png.width, png.height);
  if (code === null) throw new Error('No QR code could be read from the picture');
  return code.data;
}

/** Company of a connect token. */
export function companyIdFromToken(token: string): number {
  const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  return (payload as { company_id: number }).company_id;
}

export type Status = Readonly<{
  salon_id: number;
  whatsapp_connected: boolean;
  restriction: Readonly<{ until: string; message: string }> | null;
  whatsapp_phone: string | null;
  integration_status: string;
  session_state: string;
}>;

export async function fetchStatus(serverUrl: string, token: string): Promise<Status> {
  const response = await sendRequest(`${serverUrl}/marketplace/status/${companyIdFromToken(token)}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`Status answered ${response.status}`);
  return (await response.json()) as Status;
}

/** Removes ids and times from a response body: they may contain the digits of a phone number. */
export function withoutIdsAndTimes(response: unknown): string {
  return JSON.stringify(response).replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4,12}){4}|\d{4}-\d\d-\d\dT[\d:.]+Z/g, '');
}
