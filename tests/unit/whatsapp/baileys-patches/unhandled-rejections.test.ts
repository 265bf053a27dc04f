import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { suppressBaileysRejections } from '../../../../src/whatsapp/baileys-patches/unhandled-rejections.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';

describe('an unhandled rejection', () => {
  it('of Baileys is logged and survived, any other keeps ending the process', () => {
    const process = new EventEmitter();
    const log = captureLog();
    const absorbed = suppressBaileysRejections(process, log);
    const ofBaileys = new Error('Connection Closed');
    ofBaileys.stack =
      'Error\n at sendRawMessage (/srv/node_modules/@whiskeysockets/baileys/lib/Socket/socket.js:60:19)';
    process.emit('unhandledRejection', ofBaileys);
    expect(log.lines).toHaveLength(1);

    const own = new Error('a defect of ours');
    expect(() => process.emit('unhandledRejection', own)).toThrow(own);
    absorbed[Symbol.dispose]();
    expect(process.listenerCount('unhandledRejection')).toBe(0);
  });
});
