/** Whole seconds until `moment`, rounded down, 0 when it has passed. */
export function secondsLeft(moment: Date, now: Date): number {
  return Math.max(0, Math.floor((moment.getTime() - now.getTime()) / 1000));
}
