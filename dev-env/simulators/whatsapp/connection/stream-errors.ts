import type { BinaryNode } from '@whiskeysockets/baileys';
import { stanza } from '../stanzas/nodes.ts';

/**
 * The stanza with which the service ends a stream, in the form in which it reaches a client under this code. Baileys reads
 * one without a code as 440 when it contains a conflict, else as 500 (`getErrorCodeFromStreamError`).
 */
export function streamError(code: number): BinaryNode {
  switch (code) {
    case 401:
      return stanza('stream:error', { code: '401' }, [stanza('conflict', { type: 'device_removed' })]);
    case 440:
      return stanza('stream:error', {}, [stanza('conflict', { type: 'replaced' })]);
    case 500:
      return stanza('stream:error', {}, [stanza('xml-not-well-formed')]);
    default:
      return stanza('stream:error', { code: String(code) });
  }
}
