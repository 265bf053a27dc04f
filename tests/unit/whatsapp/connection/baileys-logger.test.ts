import { describe, expect, it } from 'vitest';
import { baileysLogger } from '../../../../src/whatsapp/connection/baileys-logger.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';

describe('baileysLogger', () => {
  it('keeps messages and removes stanzas, keys and numbers', () => {
    const log = captureLog();
    const logger = baileysLogger(log, () => 0);
    logger.warn(
      { lid: '112233445566@lid', key: { privKey: 'secret' }, msgId: '3EB0AA' },
      'Invalid mapping 79165550001',
    );
    logger.error({ err: new Error('no session for 79165550001.0') }, 'failed to decrypt');
    logger.child({ class: 'x' }).error('plain words');

    expect(log.lines.map((line): unknown => JSON.parse(line))).toEqual([
      { level: 'warn', message: 'Baileys: Invalid mapping ***', whatsappMessageId: '3EB0AA' },
      { level: 'error', message: 'Baileys: failed to decrypt', reason: 'Error: no session for ***.0' },
      { level: 'error', message: 'Baileys: plain words' },
    ]);
  });

  it('drops lines below the level warn', () => {
    const log = captureLog();
    const logger = baileysLogger(log, () => 0);
    logger.info({ helloMsg: 'secret' }, 'connected to WA');
    logger.debug('x');
    logger.trace('y');
    expect(log.lines).toEqual([]);
  });

  it('logs ten "Bad MAC" lines a minute, counts the rest and still logs other lines', () => {
    const log = captureLog();
    const clock = { nowMs: 0 };
    const logger = baileysLogger(log, () => clock.nowMs);
    const flood = (): void => {
      for (let line = 0; line < 1_000; line += 1)
        logger.error({ err: new Error('Bad MAC') }, 'failed to decrypt message');
    };
    flood();
    expect(log.lines).toHaveLength(10);
    logger.warn('something else');
    expect(log.lines).toHaveLength(11);
    clock.nowMs = 60_000;
    flood();
    expect(log.lines).toHaveLength(21);
    expect(JSON.parse(log.lines[11] ?? '')).toMatchObject({ reason: 'Error: Bad MAC', suppressed: 990 });
  });
});
