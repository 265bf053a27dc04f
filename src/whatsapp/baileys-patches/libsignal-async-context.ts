/*
 * Upstream bug: libsignal 6.0.0 queues jobs per address for the whole process and runs them in the async context of the first
 * caller (`_asyncQueueExecutor`). Baileys keeps its key transaction in that context, so with two concurrent callers the second
 * ratchet step is written to a finished transaction and lost, and its message key is used twice:
 * https://github.com/WhiskeySockets/libsignal-node/blob/master/src/queue_job.js
 * The patch runs each job in the async context of its caller.
 * Remove when `_asyncQueueExecutor` binds each job to the context of its caller.
 */

import { AsyncResource } from 'node:async_hooks';
import { SessionBuilder, SessionCipher } from 'libsignal';
import { getMethod, patchOnce } from './monkey-patch.ts';

type Job = () => Promise<unknown>;

/** Marks a patched prototype. */
const patched = Symbol('async context patched');

/** Idempotent; lasts until the process ends. */
export function bindJobsToAsyncContext(): void {
  patchOnce(SessionCipher.prototype, patched, (prototype) => {
    const queueJob = getMethod(prototype, 'queueJob');
    prototype['queueJob'] = function (this: unknown, job: Job): unknown {
      return queueJob(this, AsyncResource.bind(job));
    };
  });
  patchOnce(SessionBuilder.prototype, patched, (prototype) => {
    const initOutgoing = getMethod(prototype, 'initOutgoing');
    // `initOutgoing` creates its job internally, but reaches Baileys' transaction only through the storage.
    prototype['initOutgoing'] = function (this: { storage: object }, device: unknown): unknown {
      const self: unknown = Object.create(this, { storage: { value: bindToAsyncContext(this.storage) } });
      return initOutgoing(self, device);
    };
  });
}

/** A proxy whose methods run in the current async context. */
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
