import { generateMessageIDV2, type WASocket } from '@whiskeysockets/baileys';
import type { CompanyId } from '../../domain/ids.ts';
import type { ReachoutTimelock } from '../../domain/notification/restriction.ts';
import type { Logger } from '../../observability/logger.ts';
import type { SessionDeps } from '../session/dependencies.ts';
import { watchInboundStanzas } from '../watchdog/probe.ts';
import { watchDeliveryReceipts } from './delivery-receipts.ts';
import { watchIncomingMessages } from './incoming-messages.ts';
import { MessageSender } from './message-sender.ts';
import { ReachoutTimelocks } from './reachout-timelock.ts';

const testMessage =
  'WhatsApp подключён: с этого номера клиенты будут получать сообщения о записях.\n' +
  'WhatsApp is connected: clients will receive messages about their bookings from this number.';

/** Messages of one company's session, over all its sockets: sends texts; emits receipts, received texts and restrictions. */
export class Messenger {
  readonly #companyId: CompanyId;
  readonly #emit: SessionDeps['emit'];
  readonly #logger: Logger;
  readonly #sender: MessageSender;
  readonly #reachoutTimelocks: ReachoutTimelocks;

  constructor(
    companyId: CompanyId,
    { timeouts, emit, logger }: Pick<SessionDeps, 'timeouts' | 'emit' | 'logger'>,
  ) {
    this.#companyId = companyId;
    this.#emit = emit;
    this.#logger = logger;
    this.#sender = new MessageSender(timeouts.lookupTimeoutMs);
    this.#reachoutTimelocks = new ReachoutTimelocks(timeouts.lookupTimeoutMs);
  }

  /**
   * Emits `message-dispatched`, or `message-status` when the message can never be sent.
   * @param phone E.164 with `+`
   * @throws AppError `CONNECTION_FAILED` when nothing was sent
   */
  async send(
    sock: WASocket,
    phone: string,
    text: string,
    options: Readonly<{ messageId?: string; typingMs?: number }>,
  ): Promise<Readonly<{ messageId: string }>> {
    const { messageId = generateMessageIDV2(sock.authState.creds.me?.id), typingMs = 0 } = options;
    const errorCode = await this.#sender.send(sock, phone, text, { messageId, typingMs });
    if (errorCode === undefined) this.#emit('message-dispatched', this.#companyId, messageId);
    else {
      const update = { whatsappMessageId: messageId, status: 'failed', errorCode } as const;
      this.#emit('message-status', this.#companyId, update);
    }
    return { messageId };
  }

  /** Writes to the salon's own chat, so that its owner sees that messages arrive. @throws AppError `CONNECTION_FAILED` */
  async sendTestMessage(sock: WASocket): Promise<void> {
    await this.#sender.sendToSelf(sock, testMessage);
  }

  /** Whether the number may start chats; undefined when WhatsApp did not answer. */
  async fetchReachoutTimelock(sock: WASocket): Promise<ReachoutTimelock | undefined> {
    return await this.#reachoutTimelocks.query(sock);
  }

  /** @param isCurrent false once another socket has replaced this one */
  listenTo(sock: WASocket, isCurrent: () => boolean): void {
    const companyId = this.#companyId;
    watchDeliveryReceipts(sock, (update) => {
      if (isCurrent()) this.#emit('message-status', companyId, update);
    });
    watchInboundStanzas(sock, () => {
      if (isCurrent()) this.#emit('inbound', companyId);
    });
    this.#reachoutTimelocks.watch(sock, (lock, source) => {
      if (isCurrent()) this.#emit('reachout-timelock', companyId, lock, source);
    });
    watchIncomingMessages(sock, {
      // Also from a replaced socket: WhatsApp does not deliver an acknowledged message again.
      report: (message) => this.#emit('received', companyId, message),
      onError: (error) => this.#logger.warn('Sender lookup failed', { companyId, error }),
    });
  }
}
