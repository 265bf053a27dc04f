import { AsyncResource } from 'node:async_hooks';
import { SessionBuilder, SessionCipher } from 'libsignal';
import { methodOf, patchOnce } from './monkey-patch.ts';

type Job = () => Promise<unknown>;

/** Marks a prototype whose jobs are bound already. */
const bound = Symbol('jobs run in the context of their caller');

/**
 * libsignal 6 runs the jobs of one address one after another, for the whole process, in the async context of whoever came
 * first. Baileys keeps its transactions in that context: when two salons, or the sending and the receiving of one, have to do
 * with the same person at once, the ratchet of the second would be written into a transaction that has ended, be lost, and its
 * key be used again. Here each job runs in the context of its own caller. Installing twice is installing once.
 */
export function keepJobsInTheirContext(): void {
  patchOnce(SessionCipher.prototype, bound, (prototype) => {
    const queueJob = methodOf(prototype, 'queueJob');
    prototype['queueJob'] = function (this: unknown, job: Job): unknown {
      return queueJob(this, AsyncResource.bind(job));
    };
  });
  patchOnce(SessionBuilder.prototype, bound, (prototype) => {
    const initOutgoing = methodOf(prototype, 'initOutgoing');
    // Its job is made inside; what it does with Baileys' transaction goes through the storage.
    prototype['initOutgoing'] = function (this: { storage: object }, device: unknown): unknown {
      const self: unknown = Object.create(this, { storage: { value: inContext(this.storage) } });
      return initOutgoing(self, device);
    };
  });
}

/** The same storage, whose methods run in the present async context. */
function inContext(storage: object): object {
  const here = new AsyncResource('libsignal storage');
  return new Proxy(storage, {
    get: (target, name): unknown => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown =>
        here.runInAsyncScope(() => Reflect.apply(value, target, args) as unknown);
    },
  });
}
