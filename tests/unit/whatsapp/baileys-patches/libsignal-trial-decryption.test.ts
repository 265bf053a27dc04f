import { ProtocolAddress, SessionCipher } from 'libsignal';
import { describe, expect, it } from 'vitest';
import { startSession } from '../../../../dev-env/simulators/whatsapp/signal/signal-library.ts';
import { SignalStore } from '../../../../dev-env/simulators/whatsapp/signal/signal-store.ts';
import { isolateTrialDecryption } from '../../../../src/whatsapp/baileys-patches/libsignal-trial-decryption.ts';

const [anna, boris] = ['79165550001.0', '79165550002.0'];

describe('trial decryption on the wrong session', () => {
  it('leaves the session unchanged, so the next message on it can be decrypted', async () => {
    isolateTrialDecryption();
    isolateTrialDecryption();
    const [annaStore, borisStore] = [new SignalStore(), new SignalStore()];
    const encryptForBoris = (conversation: string) =>
      annaStore.encrypt(boris, { conversation }, () => borisStore.published.takeBundle());
    const encryptForAnna = (conversation: string) =>
      borisStore.encrypt(anna, { conversation }, () => annaStore.published.takeBundle());

    await borisStore.decrypt(anna, await encryptForBoris('Привет'));
    await annaStore.decrypt(boris, await encryptForAnna('Здравствуйте'));
    const messageOnFirstSession = await encryptForBoris('Как дела?');
    expect(messageOnFirstSession.type).toBe('msg');
    await startSession(borisStore, anna, annaStore.published.takeBundle());

    await new SessionCipher(borisStore, new ProtocolAddress('79165550001', 0)).decryptWhisperMessage(
      messageOnFirstSession.body,
    );
    const { conversation } = await annaStore.decrypt(boris, await encryptForAnna('Хорошо'));
    expect(conversation).toBe('Хорошо');
  });
});
