import { AsyncResource } from 'node:async_hooks';
import { SessionBuilder, SessionCipher } from 'libsignal';
import { getMethod, patchOnce } from './monkey-patch.ts';

type Job = () => Promise<unknown>;

/** Marks a prototype whose jobs are bound already. */
const patched = Symbol('async context patched');

/**
 * libsignal 6 runs the jobs of one address one after another, for the whole process, in the async context of whoever came
 * first. Baileys keeps its transactions in that context: when two salons, or the sending and the receiving of one, have to do
 * with the same person at once, the ratchet of the second would be written into a transaction that has ended, be lost, and its
 * key be used again. Here each job runs in the context of its own caller. Installing twice is installing once.
 */
export function bindJobsToAsyncContext(): void {
  patchOnce(SessionCipher.prototype, patched, (prototype) => {
    const queueJob = getMethod(prototype, 'queueJob');
    prototype['queueJob'] = function (this: unknown, job: Job): unknown {
      return queueJob(this, AsyncResource.bind(job));
    };
  });
  patchOnce(SessionBuilder.prototype, patched, (prototype) => {
    const initOutgoing = getMethod(prototype, 'initOutgoing');
    // Its job is made inside; what it does with Baileys' transaction goes through the storage.
    prototype['initOutgoing'] = function (this: { storage: object }, device: unknown): unknown {
      const self: unknown = Object.create(this, { storage: { value: bindToAsyncContext(this.storage) } });
      return initOutgoing(self, device);
    };
  });
}

/** The same storage, whose methods run in the present async context. */
function bindToAsyncContext(storage: object): object {
  const resource = new AsyncResource('libsignal storage');
  return new Proxy(storage, {
    get: (target, name): unknown => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown =>
        resource.runInAsyncScope(() => Reflect.apply(value, target, args) as unknown);
    },
  });
}
