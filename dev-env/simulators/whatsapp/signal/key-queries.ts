import type { BinaryNode } from '@whiskeysockets/baileys';
import type { Device } from '../connection/companion-device.ts';
import type { Directory } from '../directory.ts';
import { parseJid } from '../stanzas/jids.ts';
import {
  nodeBytes,
  child,
  children,
  errorResult,
  decodeUint,
  result,
  stanza,
  encodeUint,
} from '../stanzas/nodes.ts';
import type { KeyBundle, SignedPrekey } from './key-bundle.ts';
import { InvalidKeyError } from './prekey-store.ts';

const keyType = Buffer.from([5]);

/** Answers the `encrypt` queries: counting, uploading, rotating and fetching keys. */
export function answerKeyQuery(
  directory: Directory,
  device: Device,
  request: BinaryNode,
  onUpload: (count: number) => void,
): BinaryNode {
  try {
    if (request.attrs['type'] === 'set') return storeKeys(device, request, onUpload);
  } catch (error) {
    if (error instanceof InvalidKeyError) return errorResult(request, 406, 'not-acceptable');
    throw error;
  }
  const key = child(request, 'key');
  if (key) return fetchBundles(directory, request, children(key, 'user'));
  if (child(request, 'digest')) return result(request, [digest(device)]);
  return result(request, [stanza('count', { value: String(device.keys.count) })]);
}

function storeKeys(device: Device, request: BinaryNode, onUpload: (count: number) => void): BinaryNode {
  const rotation = child(request, 'rotate');
  if (rotation) {
    device.keys.rotate(readSignedPrekey(child(rotation, 'skey')));
    return result(request);
  }
  if (!nodeBytes(child(request, 'identity')).equals(device.keys.identityKey)) {
    throw new InvalidKeyError('Keys for another identity');
  }
  const keys = children(child(request, 'list'), 'key').map((key) => ({
    id: decodeUint(nodeBytes(child(key, 'id'))),
    value: nodeBytes(child(key, 'value')),
  }));
  device.keys.rotate(readSignedPrekey(child(request, 'skey')));
  device.keys.add(keys);
  onUpload(keys.length);
  return result(request);
}

function readSignedPrekey(node: BinaryNode | undefined): SignedPrekey {
  return {
    id: decodeUint(nodeBytes(child(node, 'id'))),
    value: nodeBytes(child(node, 'value')),
    signature: nodeBytes(child(node, 'signature')),
  };
}

function fetchBundles(directory: Directory, request: BinaryNode, users: readonly BinaryNode[]): BinaryNode {
  const bundles = users.map(({ attrs: { jid } }) => {
    const device = directory.byJid(jid)?.device(parseJid(jid)?.device ?? 0);
    return device === undefined
      ? stanza('user', { jid }, [stanza('error', { code: '404', text: 'item-not-found' })])
      : stanza('user', { jid, t: '0' }, encodeBundle(device.keys.takeBundle()));
  });
  return result(request, [stanza('list', {}, bundles)]);
}

/** As the answer to a key query, and a retry receipt, carry it. */
export function encodeBundle(bundle: KeyBundle): BinaryNode[] {
  const { oneTimePrekey, signedPrekey } = bundle;
  const nodes = [
    stanza('registration', {}, encodeUint(bundle.registrationId, 4)),
    stanza('type', {}, keyType),
    stanza('identity', {}, bundle.identityKey),
    stanza('skey', {}, [
      stanza('id', {}, encodeUint(signedPrekey.id, 3)),
      stanza('value', {}, signedPrekey.value),
      stanza('signature', {}, signedPrekey.signature),
    ]),
  ];
  if (oneTimePrekey) {
    nodes.push(
      stanza('key', {}, [
        stanza('id', {}, encodeUint(oneTimePrekey.id, 3)),
        stanza('value', {}, oneTimePrekey.value),
      ]),
    );
  }
  return nodes;
}

function digest(device: Device): BinaryNode {
  return stanza('digest', {}, [
    stanza('registration', {}, encodeUint(device.keys.registrationId, 4)),
    stanza('type', {}, keyType),
    stanza('identity', {}, device.keys.identityKey),
    stanza('skey', {}, [stanza('id', {}, encodeUint(device.keys.signedPrekey.id, 3))]),
  ]);
}
