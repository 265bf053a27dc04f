import { createServer } from 'node:http';
import { onTestFinished } from 'vitest';
import { YclientsSimulator, type SimulatorOptions } from '../simulators/yclients/yclients-simulator.ts';

const callbackPath = '/marketplace/partner/callback';
export const statusPath = '/marketplace/salon/510001/application/4242';
const partner = 'Bearer sim_partner_token_0001';
export const user = `${partner}, User sim_user_token_0001`;
export const booking = {
  client: { name: 'Ольга', phone: '+79001112233' },
  service: 'Стрижка',
  staff: 'Марина',
  start: '2026-03-10 14:30:00',
};

/** With salon 510001 and an application that nobody listens for; ends with the test. */
export async function startYclients(options: SimulatorOptions = {}) {
  const simulator = await YclientsSimulator.start(options);
  onTestFinished(() => simulator[Symbol.asyncDispose]());
  simulator.addSalon({ id: 510_001, title: 'Ромашка', timeZone: 'Europe/Moscow', services: ['Стрижка'] });
  simulator.setApplication({
    registrationRedirectUrl: 'https://app.example/marketplace/register',
    callbackUrl: 'http://127.0.0.1:9/marketplace/callback',
  });
  return simulator;
}

type CallOptions = Readonly<{ authorization?: string; accept?: string; method?: string; body?: unknown }>;

/** Plain HTTP with the headers that the vendor demands. */
export async function call(simulator: YclientsSimulator, path: string, options: CallOptions = {}) {
  const { authorization = partner, accept = 'application/vnd.yclients.v2+json', body } = options;
  const response = await fetch(simulator.url + path, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { authorization, accept, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  return { status: response.status, body: answer, headers: response.headers };
}

export function activate(simulator: YclientsSimulator, changes: Readonly<Record<string, unknown>> = {}) {
  const body = { salon_id: 510_001, application_id: 4242, api_key: 'key', webhook_urls: [], ...changes };
  return call(simulator, callbackPath, { body });
}

/** A receiver that answers with the given statuses in turn, then with 200. */
export async function webhookReceiver(...statuses: number[]) {
  const bodies: unknown[] = [];
  const server = createServer((request, response) => {
    void request.toArray().then((chunks) => {
      bodies.push(JSON.parse(Buffer.concat(chunks).toString('utf8')));
      return response.writeHead(statuses.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}/hook`, bodies };
}

/** Salon 510001 connected, with a receiver for its webhooks that answers with `statuses` first. */
export async function activeSalon(options: SimulatorOptions = {}, ...statuses: number[]) {
  const [simulator, hook] = [await startYclients(options), await webhookReceiver(...statuses)];
  simulator.pressConnect(510_001);
  const { status } = await activate(simulator, { webhook_urls: [hook.url] });
  if (status !== 201) throw new Error(`The simulator refused the activation with ${status}`);
  return { simulator, hook };
}
