/** Events at the server, for test checkers. Numbers are digits, `device` counts from 1. */
export type SimulatorEvent =
  | Readonly<{ type: 'connected'; connection: number }>
  | Readonly<{ type: 'disconnected'; connection: number }>
  | Readonly<{ type: 'registration'; connection: number; clientVersion: string }>
  | Readonly<{ type: 'registration refused'; connection: number; code: string }>
  | Readonly<{ type: 'notification acknowledged'; connection: number; kind: string }>
  | Readonly<{ type: 'paired'; number: string; device: number; by: 'qr' | 'code' }>
  | Readonly<{ type: 'login'; number: string; device: number; connection: number; clientVersion: string }>
  | Readonly<{ type: 'login refused'; number: string; device: number; code: string }>
  | Readonly<{ type: 'replaced'; number: string; device: number }>
  | Readonly<{ type: 'message'; from: string; device: number; to: string; id: string; duplicate: boolean }>
  | Readonly<{ type: 'message rejected'; from: string; device: number; to: string; id: string; code: string }>
  | Readonly<{ type: 'acknowledged'; from: string; id: string }>
  | Readonly<{ type: 'decrypted'; number: string; from: string; id: string }>
  | Readonly<{ type: 'undecryptable'; number: string; from: string; id: string; reason: string }>
  | Readonly<{ type: 'receipt'; from: string; to: string; id: string; kind: string }>
  | Readonly<{ type: 'typing'; from: string; to: string; state: string }>
  | Readonly<{ type: 'prekeys uploaded'; number: string; device: number; count: number }>
  | Readonly<{ type: 'logout'; number: string; device: number }>
  | Readonly<{ type: 'device removed'; number: string; device: number }>
  | Readonly<{ type: 'query silenced'; number: string; xmlns: string; content: string }>
  | Readonly<{ type: 'query limited'; number: string; xmlns: string; content: string }>
  | Readonly<{ type: 'unknown query'; number: string; xmlns: string; content: string }>
  | Readonly<{ type: 'error'; message: string }>;

export type LoggedEvent = SimulatorEvent & Readonly<{ atMs: number }>;

/** Append only. */
export class EventLog {
  readonly #events: LoggedEvent[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get events(): readonly LoggedEvent[] {
    return this.#events;
  }

  add(event: SimulatorEvent): void {
    this.#events.push({ ...event, atMs: this.#now() });
  }
}
