import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { suppressBaileysRejections } from '../../../../src/whatsapp/baileys-patches/unhandled-rejections.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';

describe('an unhandled rejection', () => {
  it('is logged when it comes from Baileys and rethrown otherwise', () => {
    const process = new EventEmitter();
    const log = captureLog();
    const subscription = suppressBaileysRejections(process, log);
    const baileysError = new Error('Connection Closed');
    baileysError.stack =
      'Error\n at sendRawMessage (/srv/node_modules/@whiskeysockets/baileys/lib/Socket/socket.js:60:19)';
    process.emit('unhandledRejection', baileysError);
    expect(log.lines).toHaveLength(1);

    const otherError = new Error('another error');
    expect(() => process.emit('unhandledRejection', otherError)).toThrow(otherError);
    subscription[Symbol.dispose]();
    expect(process.listenerCount('unhandledRejection')).toBe(0);
  });
});
