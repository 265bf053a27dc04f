/**
 * Sizes of the suites in this folder, from the environment. The defaults are those of `make resilience`; `make test` sets
 * short ones in tests/tooling/steps.ts.
 */
function size(variable: string, defaultSize: number): number {
  return Number(process.env[variable] ?? defaultSize);
}

/** Kills under load, on each engine. */
export const crashRounds = size('CRASH_ROUNDS', 40);
/** How long Postgres is down in the middle of the rounds. */
export const outageMs = size('CRASH_OUTAGE_SECONDS', 20) * 1_000;
export const soakSessions = size('SOAK_SESSIONS', 20);
export const soakMinutes = size('SOAK_MINUTES', 10);
/** Repeats the random choices of a run; each suite prints its seed in the title. */
export const crashSeed = size('CRASH_SEED', Math.floor(Math.random() * 2 ** 31));
export const soakSeed = size('SOAK_SEED', Math.floor(Math.random() * 2 ** 31));
