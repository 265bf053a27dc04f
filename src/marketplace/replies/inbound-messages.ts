import type { CompanyId } from '../../domain/ids.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { ClientAnswers } from './reply-handler.ts';
import type { Forwarding } from './webhook-forwarder.ts';
import type { ReceivedMessages } from '../../ports/message-ports.ts';
import type { ReceivedText } from '../../ports/ports.ts';

export type ReceivingDependencies = Readonly<{
  received: Pick<ReceivedMessages, 'keep' | 'forget'>;
  clientAnswers: Pick<ClientAnswers, 'received'>;
  forwarding: Pick<Forwarding, 'request'>;
  report: BusinessEvents;
}>;

const keptForDays = 90;
const forgottenAtOnce = 1_000;

/** What clients write: kept first, then heard by the rules of the messages, then forwarded. */
export class Receiving {
  readonly #deps: ReceivingDependencies;

  constructor(deps: ReceivingDependencies) {
    this.#deps = deps;
  }

  /** Safe to repeat. */
  async received(companyId: CompanyId, message: ReceivedText): Promise<void> {
    const { received, clientAnswers, forwarding, report } = this.#deps;
    const kept = await received.keep(companyId, message);
    if (kept !== undefined) report.textReceived(companyId, kept.id);
    await clientAnswers.received(companyId, message);
    if (kept?.toForward === true)
      await forwarding.request([{ id: kept.id, companyId, phone: message.phone }]);
  }

  /** Erases what is older than 90 days. */
  async forgetOld(): Promise<void> {
    let forgotten: number;
    do {
      forgotten = await this.#deps.received.forget(keptForDays, forgottenAtOnce);
      if (forgotten > 0) this.#deps.report.receivedForgotten(forgotten);
    } while (forgotten === forgottenAtOnce);
  }
}
