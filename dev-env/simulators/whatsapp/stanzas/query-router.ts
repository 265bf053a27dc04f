import type { BinaryNode } from '@whiskeysockets/baileys';
import { child, children, errorResult, result, stanza } from './nodes.ts';

const privacyCategories = ['readreceipts', 'profile', 'status', 'online', 'last', 'groupadd', 'calladd'];

/**
 * Responses to queries that depend on nothing but the account's reachout timelock. @returns undefined for another query
 */
export function answerGeneralQuery(request: BinaryNode, timelock: unknown): BinaryNode | undefined {
  const isGet = request.attrs['type'] === 'get';
  switch (request.attrs['xmlns'] ?? '') {
    case 'w:p':
      return result(request);
    case 'abt':
    case 'w':
      return result(request, [stanza('props', { protocol: '1', hash: 'simulated' })]);
    case 'privacy':
      return isGet ? result(request, [privacySettings()]) : result(request);
    case 'blocklist':
      return result(request, [stanza('list')]);
    case 'w:sync:app:state':
      return result(request, [stanza('sync', {}, unchangedCollections(child(request, 'sync')))]);
    case 'w:g2':
      return child(request, 'participating')
        ? result(request, [stanza('groups')])
        : errorResult(request, 404, 'item-not-found');
    case 'w:profile:picture':
      return errorResult(request, 404, 'item-not-found');
    case 'w:mex':
      return result(request, [stanza('result', {}, Buffer.from(JSON.stringify(restrictionState(timelock))))]);
    default:
      return undefined;
  }
}

function privacySettings(): BinaryNode {
  return stanza(
    'privacy',
    {},
    privacyCategories.map((name) => stanza('category', { name, value: 'all' })),
  );
}

/** Returns every requested collection: Baileys requests missing ones again at once. */
function unchangedCollections(sync: BinaryNode | undefined): BinaryNode[] {
  return children(sync, 'collection').map(({ attrs }) =>
    stanza('collection', { name: attrs['name'], version: attrs['version'] ?? '0', type: 'result' }),
  );
}

function restrictionState(timelock: unknown): unknown {
  return {
    data: {
      xwa2_fetch_account_reachout_timelock: timelock,
      xwa2_message_capping_info: { total_quota: -1, used_quota: 0 },
    },
  };
}
