import {
  boolean,
  constant,
  constantFrom,
  integer,
  nat,
  oneof,
  option,
  record,
  type Arbitrary,
} from 'fast-check';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export type Outcome = 'ack' | '463' | '429' | 'not sent' | 'crash';

/** Operations on an outbox, in any order. */
export type PacingCommand =
  | Readonly<{ what: 'enqueue'; person: number; urgent: boolean; lifetimeMs: number | undefined }>
  | Readonly<{ what: 'pass'; ms: number }>
  | Readonly<{ what: 'claim'; outcome: Outcome; gapMs: number }>
  | Readonly<{ what: 'stop' | 'start'; person: number }>
  | Readonly<{ what: 'restart' }>
  | Readonly<{ what: 'reconnect' }>
  | Readonly<{ what: 'night'; ms: number }>;

/** More clients than the daily limit of first contacts. */
export const clientCount = 7;

/** Two of them have most of the visits. */
const person: Arbitrary<number> = oneof(
  { weight: 3, arbitrary: nat(1) },
  { weight: 2, arbitrary: nat(clientCount - 1) },
);

const outcome: Arbitrary<Outcome> = oneof(
  { weight: 12, arbitrary: constant('ack' as const) },
  { weight: 1, arbitrary: constantFrom('463' as const, '429' as const) },
  { weight: 4, arbitrary: constantFrom('not sent' as const, 'crash' as const) },
);

const duration: Arbitrary<number> = oneof(
  { weight: 8, arbitrary: integer({ min: 500, max: 20_000 }) },
  { weight: 8, arbitrary: integer({ min: 20_000, max: 2 * hourMs }) },
  { weight: 1, arbitrary: integer({ min: 2 * hourMs, max: 26 * hourMs }) },
);

export const pacingCommand: Arbitrary<PacingCommand> = oneof(
  {
    weight: 10,
    arbitrary: record({
      what: constant('enqueue' as const),
      person,
      urgent: boolean(),
      lifetimeMs: option(integer({ min: 1_000, max: 6 * hourMs }), { nil: undefined, freq: 3 }),
    }),
  },
  { weight: 8, arbitrary: record({ what: constant('pass' as const), ms: duration }) },
  {
    weight: 16,
    arbitrary: record({ what: constant('claim' as const), outcome, gapMs: integer({ min: 0, max: 12_000 }) }),
  },
  { weight: 1, arbitrary: record({ what: constantFrom('stop' as const, 'start' as const), person }) },
  { weight: 2, arbitrary: record({ what: constant('restart' as const) }) },
  { weight: 1, arbitrary: record({ what: constant('reconnect' as const) }) },
  {
    weight: 2,
    arbitrary: record({ what: constant('night' as const), ms: integer({ min: minuteMs, max: 12 * hourMs }) }),
  },
);
