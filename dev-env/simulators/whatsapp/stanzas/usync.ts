import type { BinaryNode } from '@whiskeysockets/baileys';
import type { Account, Directory } from '../directory.ts';
import { formatJid } from './jids.ts';
import { child, children, result, stanza, nodeText } from './nodes.ts';

/** Responses to usync queries: registration, devices and hidden identity of numbers. */
export function answerUsync(directory: Directory, request: BinaryNode): BinaryNode {
  const usync = child(request, 'usync');
  const protocols = children(child(usync, 'query')).map(({ tag }) => tag);
  const users = children(child(usync, 'list'), 'user').map((user) => answerUser(directory, user, protocols));
  return result(request, [stanza('usync', usync?.attrs ?? {}, [stanza('list', {}, users)])]);
}

function answerUser(directory: Directory, user: BinaryNode, protocols: readonly string[]): BinaryNode {
  const jid = user.attrs['jid'];
  if (jid !== undefined) {
    const account = directory.byJid(jid);
    return stanza('user', { jid }, account ? describeAccount(account, protocols) : []);
  }
  const digits = nodeText(child(user, 'contact')).replace(/\D/g, '');
  const account = directory.byNumber(digits);
  const contact = stanza('contact', { type: account ? 'in' : 'out' });
  const more = account ? describeAccount(account, protocols) : [];
  return stanza('user', { jid: `${digits}@s.whatsapp.net` }, [contact, ...more]);
}

function describeAccount(account: Account, protocols: readonly string[]): BinaryNode[] {
  const described: BinaryNode[] = [];
  if (protocols.includes('devices')) {
    // A device without key-index is ignored by clients, the phone excepted.
    const devices = account.devices.map(({ id }) =>
      stanza('device', { id: String(id), 'key-index': id === 0 ? undefined : String(id) }),
    );
    described.push(stanza('devices', {}, [stanza('device-list', {}, devices)]));
  }
  if (protocols.includes('lid')) described.push(stanza('lid', { val: formatJid(account, 'lid') }));
  return described;
}
