import type { WASocket } from '@whiskeysockets/baileys';
import { expect, it } from 'vitest';
import { UnreadableCredentialsError } from '../../../../src/whatsapp/credentials/auth-state.ts';
import { MessageSender } from '../../../../src/whatsapp/messages/message-sender.ts';

it('a send fails with CONNECTION_FAILED when the LID of the recipient cannot be read', async () => {
  const sock = {
    authState: {
      keys: {
        get: async () => {
          throw new UnreadableCredentialsError('A stored Signal key could not be decrypted');
        },
      },
    },
  } as unknown as WASocket;
  const sent = new MessageSender(50).send(sock, '+79165550001', 'Ждём вас!', {
    messageId: '3EB01',
    typingMs: 0,
  });
  await expect(sent).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
});
