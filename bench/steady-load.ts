import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

export type SteadyLoad = Readonly<{
  seconds: number;
  connections: number;
  /** Requests per second. */
  rate: number;
  nextBody: () => string;
}>;

/**
 * Posts at a constant rate regardless of the responses, as independent senders do (open workload). autocannon sends each
 * second's share at its beginning, so that its latencies at half load equal those at full load.
 * @returns milliseconds from the scheduled time of each request to the end of its response, so that a late send counts
 * @throws Error after a response other than 200
 */
export async function postSteadily(
  url: string,
  { seconds, connections, rate, nextBody }: SteadyLoad,
): Promise<number[]> {
  using agent = new ClosingAgent({ keepAlive: true, maxSockets: connections });
  const total = Math.floor(seconds * rate);
  const startedMs = performance.now();
  const answers: Promise<number>[] = [];
  while (answers.length < total) {
    const due = Math.min(total, ((performance.now() - startedMs) * rate) / 1_000);
    while (answers.length < due) {
      const dueMs = startedMs + (answers.length * 1_000) / rate;
      answers.push(post(url, agent, nextBody()).then(() => performance.now() - dueMs));
    }
    await delay(1);
  }
  return await Promise.all(answers);
}

class ClosingAgent extends Agent implements Disposable {
  [Symbol.dispose](): void {
    this.destroy();
  }
}

async function post(url: string, agent: Agent, body: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const sent = request(url, { method: 'POST', agent, headers }, (response) => {
    response.resume();
    response.on('end', () =>
      response.statusCode === 200 ? resolve() : reject(new Error(`Answered ${response.statusCode}`)),
    );
  });
  sent.on('error', reject);
  sent.end(body);
  await promise;
}
