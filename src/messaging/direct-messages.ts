import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { Message } from '../domain/notification/message.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Messages } from '../ports/messages.ts';
import type { Outbox } from './outbox.ts';

export type DirectMessagesDeps = Readonly<{
  messages: Pick<Messages, 'enqueue'>;
  outbox: Pick<Outbox, 'wake'>;
  report: Pick<BusinessEvents, 'messageQueued'>;
  now: () => Date;
}>;

export type DirectMessage = Readonly<{
  /** E.164 with `+`. */
  phone: string;
  text: string;
  idempotencyKey: string;
}>;

const lifetimeMs = 24 * 60 * 60 * 1000;

/** Messages that a company sends to its own clients through the API. They expire after 24 hours. */
export class DirectMessages {
  readonly #deps: DirectMessagesDeps;

  constructor(deps: DirectMessagesDeps) {
    this.#deps = deps;
  }

  /**
   * Queues a message. The same idempotency key returns the message that exists.
   * @throws AppError `FORBIDDEN` when the client has opted out
   */
  async send(companyId: CompanyId, { phone, text, idempotencyKey }: DirectMessage): Promise<Message> {
    const { messages, outbox, report, now } = this.#deps;
    const message = await messages.enqueue(
      {
        companyId,
        kind: 'direct',
        phone,
        text,
        idempotencyKey: `direct:${idempotencyKey}`,
        expiresAt: new Date(now().getTime() + lifetimeMs),
      },
      'api',
    );
    if (message === undefined) {
      throw new AppError('FORBIDDEN', {
        text: {
          ru: 'Клиент отказался от сообщений. Он может вернуть их, написав СТАРТ.',
          en: 'The client has opted out of messages. They resume when the client writes START.',
        },
      });
    }
    report.messageQueued(companyId, message.id, 'direct');
    outbox.wake(companyId);
    return message;
  }
}
