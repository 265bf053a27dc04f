import type { proto } from '@whiskeysockets/baileys';
import { ProtocolAddress, SessionCipher } from 'libsignal';
import { describe, expect, it } from 'vitest';
import { isolateTrialDecryption } from '../../../../src/whatsapp/baileys-patches/libsignal-trial-decryption.ts';
import { SignalStore } from '../../../../dev-env/simulators/whatsapp/signal/signal-store.ts';
import { startSession } from '../../../../dev-env/simulators/whatsapp/signal/signal-library.ts';

const [anna, boris] = ['79165550001.0', '79165550002.0'];

describe('a message tried on the session of another', () => {
  it('leaves that session as it was: what is next written on it can be read', async () => {
    isolateTrialDecryption();
    isolateTrialDecryption();
    const [ofAnna, ofBoris] = [new SignalStore(), new SignalStore()];
    const fromAnna = (conversation: string) =>
      ofAnna.encrypt(boris, { conversation }, () => ofBoris.published.takeBundle());
    const fromBoris = (conversation: string) =>
      ofBoris.encrypt(anna, { conversation }, () => ofAnna.published.takeBundle());
    const textOf = async (message: Promise<proto.IMessage>) => (await message).conversation;

    await ofBoris.decrypt(anna, await fromAnna('Привет'));
    await ofAnna.decrypt(boris, await fromBoris('Здравствуйте'));
    const onTheFirst = await fromAnna('Как дела?');
    expect(onTheFirst.type).toBe('msg');
    await startSession(ofBoris, anna, ofAnna.published.takeBundle());

    await new SessionCipher(ofBoris, new ProtocolAddress('79165550001', 0)).decryptWhisperMessage(
      onTheFirst.body,
    );
    expect(await textOf(ofAnna.decrypt(boris, await fromBoris('Хорошо')))).toBe('Хорошо');
  });
});
