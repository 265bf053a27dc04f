import type { BinaryNode } from '@whiskeysockets/baileys';
import { children } from '../stanzas/nodes.ts';
import { PerAccountSetting } from './per-account-setting.ts';

/** `silence`: no response. `limit`: 429 (rate limit). */
export type QueryFault = 'silence' | 'limit';

/** Faults of info queries. */
export class QueryFaults {
  readonly #faults = new Map<string, PerAccountSetting<QueryFault>>();

  /** `kind` is an xmlns such as `usync`, or one with the tag of its content, such as `encrypt/key`. */
  set(kind: string, fault: QueryFault | undefined, number?: string): void {
    const known = this.#faults.get(kind) ?? new PerAccountSetting<QueryFault>();
    this.#faults.set(kind, known);
    known.set(fault, number);
  }

  faultFor(request: BinaryNode, number: string): QueryFault | undefined {
    const xmlns = request.attrs['xmlns'] ?? '';
    const kinds = [...children(request).map(({ tag }) => `${xmlns}/${tag}`), xmlns];
    for (const kind of kinds) {
      const fault = this.#faults.get(kind)?.valueFor(number);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
}
