/** The job queues of pg-boss. Each has a dead-letter queue beside it. */
export const queueNames = [
  /** Webhooks that YCLIENTS posted. */
  'webhooks',
  /** Activations of an installation at YCLIENTS. */
  'activation',
  /** WhatsApp sessions to unlink after an uninstallation. */
  'disconnection',
  /** Clients' replies to reminders, and their write-back to YCLIENTS. */
  'answers',
  /** Message plans to recompute after a change of settings or of a client's consent. */
  'replanning',
  /** Received messages to post to the company's own webhook. */
  'forwarding',
  /** Reads of YCLIENTS records that changed without a webhook. */
  'reconciliation',
] as const;

export type QueueName = (typeof queueNames)[number];
