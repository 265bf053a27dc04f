import { createHmac } from 'node:crypto';
import type { Owner } from './salon.ts';

export type RedirectOptions = Readonly<{
  signature?: 'valid' | 'forged' | 'over-base64' | 'missing';
  /** Replaces the signed JSON. */
  userData?: Readonly<Record<string, unknown>>;
  /** How several salons are written: `salon_ids[]` or `salon_ids[0]`. Several are also used for a list of one. */
  brackets?: 'empty' | 'indexed';
}>;

/**
 * The address to which the browser is sent after "Подключить". A list of salons uses `salon_ids[]`.
 * @see https://support.alteg.io/hc/en-us/articles/6756242694429
 */
export function registrationUrl(
  base: string,
  salonIds: number | readonly number[],
  owner: Owner,
  partnerToken: string,
  options: RedirectOptions = {},
): URL {
  const { signature = 'valid', brackets = 'empty' } = options;
  const url = new URL(base);
  if (typeof salonIds === 'number') url.searchParams.append('salon_id', String(salonIds));
  else {
    for (const [index, id] of salonIds.entries()) {
      url.searchParams.append(brackets === 'empty' ? 'salon_ids[]' : `salon_ids[${index}]`, String(id));
    }
  }
  const json = Buffer.from(JSON.stringify(options.userData ?? toUserData(owner)));
  const userData = json.toString('base64');
  url.searchParams.append('user_data', userData);
  if (signature === 'missing') return url;
  const key = signature === 'forged' ? `${partnerToken}-forged` : partnerToken;
  const message = signature === 'over-base64' ? userData : json;
  url.searchParams.append('user_data_sign', createHmac('sha256', key).update(message).digest('hex'));
  return url;
}

function toUserData({ id, name, email, phone }: Owner) {
  return { user_id: id, name, email, phone };
}
