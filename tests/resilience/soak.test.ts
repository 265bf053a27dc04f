import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkSalon, type LinkedSalon } from '../../dev-env/clients/linked-salon.ts';
import { sendRequest, fetchStatus } from '../../dev-env/clients/test-clients.ts';
import { FootprintReader } from '../../dev-env/footprint/footprint-reader.ts';
import { startStack, type Stack } from '../../dev-env/network.ts';
import { PostgresServer } from '../../dev-env/postgres-server.ts';
import { muteLibsignalConsole } from '../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import { TemporaryDirectory } from '../../dev-env/temporary-directory.ts';
import { waitFor } from '../../dev-env/wait-for.ts';
import { relativeGrowth } from '../support/checkers/heap-trend.ts';
import { findStatusViolations, type ReportedStatus } from '../support/checkers/status-checker.ts';
import { SessionFaults } from '../support/faults/session-faults.ts';
import { seededRandom } from '../support/fixtures/seeded-random.ts';
import { soakMinutes as minutes, soakSeed as seed, soakSessions as sessions } from './sizes.ts';

/** Long enough for the faults that end after a quarter of an hour and for a trend of the heap. */
const isLong = minutes >= 10;

/** About one fault per session every 40 s. */
const faultEveryMs = 40_000 / sessions;
/** For all sessions together. */
const messageEveryMs = isLong ? 700 : 300;
const textEveryMs = messageEveryMs * 2;
const clients = 20;
/** A repeatedly refused client version is retried every quarter of an hour; other faults recover sooner. */
const recoveryMs = 17 * 60_000;
/** The Signal sessions of all pairs of salon and client are created in the first third. */
const heapSettledAfter = 1 / 3;
const heapNoise = 0.05;

type ClientText = Readonly<{ text: string; salon: LinkedSalon }>;
type SentMessage = Readonly<{ id: string; text: string; salon: LinkedSalon }>;

type ReceivedPage = Readonly<{ messages: readonly Readonly<{ text: string | null }>[]; next: number | null }>;

describe('sessions under random faults', () => {
  const scope = new AsyncDisposableStack();
  const random = seededRandom(seed);
  const footprint = new FootprintReader(scope.use(new TemporaryDirectory()).path);
  let stack: Stack;
  let salons: LinkedSalon[];
  let phones: SimulatedPhone[];

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    const postgres = scope.use(await PostgresServer.start());
    stack = scope.use(
      await startStack({
        databaseUrl: await postgres.createDatabase(),
        environment: { TRUST_PROXY: '1', ...footprint.environment },
      }),
    );
    phones = Array.from({ length: clients }, (_, n) => stack.whatsapp.phone(`7900900${1_000 + n}`));
    salons = [];
    for (let n = 0; n < sessions; n += 1) {
      const salonId = 520_000 + n;
      stack.yclients.addSalon({ id: salonId, title: `Салон ${n}`, timeZone: 'Europe/Moscow' });
      salons.push(await linkSalon(stack, { salonId, number: String(79_002_000_000 + n) }));
    }
  }, 600_000);
  afterAll(() => scope.disposeAsync());

  const send = async (salon: LinkedSalon, n: number): Promise<SentMessage> => {
    const phone = phones[Math.floor(random() * phones.length)]?.number ?? '';
    const text = `Сообщение ${n}.`;
    const response = await sendRequest(`${stack.url}/marketplace/messages`, {
      headers: { 'x-api-key': salon.apiKey, 'idempotency-key': `soak-${n}` },
      body: { phone: `+${phone}`, text },
    });
    if (response.status !== 202) throw new Error(`Message rejected with ${response.status}`);
    const { id } = (await response.json()) as { id: string };
    return { id, text, salon };
  };

  const statusOfMessage = async ({ id, text, salon }: SentMessage): Promise<ReportedStatus> => {
    const headers = { 'x-api-key': salon.apiKey };
    const response = await sendRequest(`${stack.url}/marketplace/messages/${id}`, { headers });
    const { status } = (await response.json()) as { status: string };
    return { text, status };
  };

  /** Polls messages without a final status only. */
  const finalStatuses = async (sent: readonly SentMessage[]): Promise<ReportedStatus[]> => {
    const reported: ReportedStatus[] = [];
    let open = sent;
    await waitFor(
      'every message to have its final status',
      async () => {
        const polled: { message: SentMessage; status: ReportedStatus }[] = [];
        for (const message of open) polled.push({ message, status: await statusOfMessage(message) });
        const isOpen = ({ status }: ReportedStatus): boolean =>
          ['queued', 'sending', 'sent'].includes(status);
        reported.push(...polled.flatMap(({ status }) => (isOpen(status) ? [] : [status])));
        open = polled.flatMap(({ message, status }) => (isOpen(status) ? [message] : []));
        await delay(500);
        return open.length === 0;
      },
      recoveryMs,
    ).catch(async () => {
      for (const message of open) reported.push(await statusOfMessage(message));
    });
    return reported;
  };

  const closedSessions = async (): Promise<string[]> => {
    const polled = await Promise.all(
      salons.map(async ({ token, salonId }) => ({ salonId, status: await fetchStatus(stack.url, token) })),
    );
    return polled.flatMap(({ salonId, status }) =>
      status.whatsapp_connected ? [] : [`${salonId}: ${status.session_state}`],
    );
  };

  /** Sends a message and receives a text on each session. @returns the salons where that fails */
  const brokenSessions = async (): Promise<string[]> => {
    const text = 'Спасибо!';
    const probes = await Promise.all(
      salons.map(async (salon, n) => {
        const phone = phones[n % phones.length];
        await phone?.sendText(salon.owner.number, text);
        return { salon, message: await send(salon, 1_000_000 + n) };
      }),
    );
    const isReceived = async ({ apiKey }: LinkedSalon): Promise<boolean> =>
      (await receivedTexts(stack.url, apiKey)).includes(text);
    const failing = async (): Promise<string[]> => {
      const polled = await Promise.all(
        probes.map(async ({ salon, message }) => ({
          salonId: salon.salonId,
          works: (await statusOfMessage(message)).status === 'delivered' && (await isReceived(salon)),
        })),
      );
      return polled.flatMap(({ salonId, works }) => (works ? [] : [String(salonId)]));
    };
    return await waitFor(
      'every session to send and to receive',
      async () => {
        await delay(500);
        return (await failing()).length === 0 ? [] : undefined;
      },
      recoveryMs,
    ).catch(failing);
  };

  /** @returns a sentence for each text that clients wrote during the faults and that was not received exactly once */
  const missingOrDuplicateTexts = async (texts: readonly ClientText[]): Promise<string[]> => {
    const textsBySalon = new Map<LinkedSalon, string[]>();
    for (const salon of salons) textsBySalon.set(salon, await receivedTexts(stack.url, salon.apiKey));
    return texts.flatMap(({ salon, text }) => {
      const times = textsBySalon.get(salon)?.filter((one) => one === text).length ?? 0;
      return times === 1 ? [] : [`${text} was received ${times} times by ${salon.salonId}`];
    });
  };

  it(
    `${sessions} are open after ${minutes} minutes; no duplicates, correct statuses (seed ${seed})`,
    { timeout: minutes * 60_000 + 4 * recoveryMs },
    async () => {
      const faults = new SessionFaults({
        whatsapp: stack.whatsapp,
        phones: salons.map(({ owner }) => owner),
        random,
        includeSlow: isLong,
      });
      const sent: SentMessage[] = [];
      const clientTexts: ClientText[] = [];
      const heaps: number[] = [];
      const endsAtMs = performance.now() + minutes * 60_000;
      const repeat = async (everyMs: number, work: () => Promise<void> | void): Promise<void> => {
        while (performance.now() < endsAtMs) {
          await work();
          await delay(everyMs);
        }
      };
      await Promise.all([
        repeat(faultEveryMs, () => faults.injectNext()),
        repeat(messageEveryMs, async () => {
          const salon = salons[sent.length % salons.length];
          if (salon !== undefined) sent.push(await send(salon, sent.length));
        }),
        repeat(textEveryMs, async () => {
          const salon = salons[Math.floor(random() * salons.length)];
          if (salon === undefined) return;
          const text = `Вопрос ${clientTexts.length}.`;
          await phones[clientTexts.length % phones.length]?.sendText(salon.owner.number, text);
          clientTexts.push({ text, salon });
        }),
        repeat(60_000, async () => {
          heaps.push((await footprint.read(stack.server.pid)).heapBytes);
          console.log(
            `Minute ${heaps.length} of ${minutes}: ${sent.length} messages, ${clientTexts.length} texts`,
          );
        }),
      ]);
      faults.clearAll();
      const faultsClearedAtMs = performance.now();
      await waitFor(
        'all sessions',
        async () => {
          await delay(500);
          return (await closedSessions()).length === 0;
        },
        recoveryMs,
      ).catch(() => undefined);
      expect(await closedSessions()).toEqual([]);
      expect(await brokenSessions()).toEqual([]);
      const recoverySeconds = Math.round((performance.now() - faultsClearedAtMs) / 1_000);

      const reported = await finalStatuses(sent);
      const shown = phones.flatMap(({ inbox }) => inbox.map(({ text }) => text));
      const unknown = reported.filter(({ status }) => status === 'unknown').length;
      const settled = heaps.slice(Math.floor(heaps.length * heapSettledAfter));
      console.log(
        `${[...faults.injected].map(([name, times]) => `${name} ${times}`).join(', ')}; ` +
          `${sent.length} messages, ${unknown} unknown, ${clientTexts.length} texts; all send and receive ${recoverySeconds} s after the last fault; ` +
          `heap ${heaps.map((bytes) => Math.round(bytes / 1e6)).join(' ')} MB`,
      );
      expect(reported).toHaveLength(sent.length);
      expect(findStatusViolations(reported, shown)).toEqual([]);
      // A text that was requested again arrives late.
      await waitFor(
        'every text',
        async () => (await missingOrDuplicateTexts(clientTexts)).length === 0,
        recoveryMs,
      ).catch(() => undefined);
      expect(await missingOrDuplicateTexts(clientTexts)).toEqual([]);
      expect(unknown).toBeLessThanOrEqual(Math.max(1, sent.length / 100));
      expect(faults.injected.size).toBeGreaterThan(2);
      // A short run shows no trend.
      expect(isLong ? Math.abs(relativeGrowth(settled)) : 0).toBeLessThan(heapNoise);
    },
  );
});

/** All received texts of the company, oldest first. */
async function receivedTexts(url: string, apiKey: string): Promise<string[]> {
  const texts: string[] = [];
  let after: number | null = 0;
  while (after !== null) {
    const response = await sendRequest(`${url}/marketplace/received-messages?after=${after}&limit=200`, {
      headers: { 'x-api-key': apiKey },
    });
    const { messages, next } = (await response.json()) as ReceivedPage;
    texts.push(...messages.map(({ text }) => text ?? ''));
    after = messages.length > 0 ? next : null;
  }
  return texts;
}
