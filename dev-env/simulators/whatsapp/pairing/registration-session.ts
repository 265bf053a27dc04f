import { randomBytes, randomUUID } from 'node:crypto';
import type { BinaryNode, KeyPair, proto } from '@whiskeysockets/baileys';
import type { ClientConnection } from '../connection/client-connection.ts';
import { CompanionDevice } from '../connection/companion-device.ts';
import { streamError } from '../connection/stream-errors.ts';
import type { Account } from '../directory.ts';
import type { SecretRefresh } from '../faults/faults.ts';
import { unixSeconds } from '../service.ts';
import type { Service } from '../service.ts';
import { PrekeyStore } from '../signal/prekey-store.ts';
import { formatJid } from '../stanzas/jids.ts';
import { nodeBytes, child, decodeUint, result, serverJid, stanza } from '../stanzas/nodes.ts';
import { applyQueryFault } from '../stanzas/query-failure.ts';
import { isValidDeviceIdentity, issueDeviceIdentity } from './device-identity.ts';
import { PairingCodeSession } from './pairing-code-session.ts';
import { passkeyContent } from './passkey-challenge.ts';
import type { PasskeyStep } from './passkey-challenge.ts';
import { PairingError } from './qr-code.ts';

const refCount = 6;
const maxCompanions = 4;

type PendingPairing = Readonly<{
  queryId: string;
  account: Account;
  details: Buffer;
  deviceId: number;
  by: 'qr' | 'code';
  outcome: PromiseWithResolvers<number>;
}>;

/** A connection of a client that is not linked yet: it shows QR codes or waits for a pairing code. */
export class RegistrationSession {
  readonly connection: ClientConnection;
  readonly noiseKey: Buffer;
  readonly keys: PrekeyStore;
  readonly code: PairingCodeSession;
  /** Refs of the QR codes, in the order in which the client shows them. */
  readonly refs: readonly string[] = Array.from(
    { length: refCount },
    () => `2@${randomBytes(48).toString('base64')}`,
  );
  readonly #service: Service;
  readonly #startedMs: number;
  #retiredSecret: Buffer | undefined;
  #pending: PendingPairing | undefined;

  /** @throws InvalidKeyError if the client's identity did not sign its prekey */
  constructor(
    service: Service,
    connection: ClientConnection,
    noiseKey: Buffer,
    data: proto.ClientPayload.IDevicePairingRegistrationData,
  ) {
    this.connection = connection;
    this.noiseKey = noiseKey;
    this.keys = new PrekeyStore(bytes(data.eIdent), decodeUint(bytes(data.eRegid)), {
      id: decodeUint(bytes(data.eSkeyId)),
      value: bytes(data.eSkeyVal),
      signature: bytes(data.eSkeySig),
    });
    this.code = new PairingCodeSession(service, connection, this.keys.identityKey);
    this.#service = service;
    this.#startedMs = service.config.now();
  }

  /** Offers the refs of the QR codes to the client. */
  offerRefs(): void {
    const refs = this.refs.map((ref) => stanza('ref', {}, Buffer.from(ref)));
    this.connection.send(
      stanza('iq', { from: serverJid, type: 'set', id: randomUUID(), xmlns: 'md' }, [
        stanza('pair-device', {}, refs),
      ]),
    );
  }

  isExpired(ref: string): boolean {
    const { firstQrLifetimeMs, nextQrLifetimeMs, qrGraceMs, now } = this.#service.config;
    const lifetimeMs = firstQrLifetimeMs + this.refs.indexOf(ref) * nextQrLifetimeMs;
    return now() > this.#startedMs + lifetimeMs + qrGraceMs;
  }

  isRetired(advSecret: Buffer): boolean {
    return this.#retiredSecret?.equals(advSecret) ?? false;
  }

  /** Requests a new ADV secret, which some accounts require before they link. @returns false if it was requested before */
  retireSecret(advSecret: Buffer, tag: SecretRefresh): boolean {
    if (this.#retiredSecret) return false;
    this.#retiredSecret = advSecret;
    this.#notify('companion_reg_refresh', stanza(tag));
    return true;
  }

  requirePasskey(step: PasskeyStep): void {
    this.#notify(step, passkeyContent(step));
  }

  /** Links this client to an account. @returns the device number, once the client has countersigned */
  async pair(account: Account, accountKey: KeyPair, advSecret: Buffer, by: 'qr' | 'code'): Promise<number> {
    if (!this.connection.isOpen) throw new PairingError('The device that showed this code is gone');
    if (this.#pending) throw new PairingError('This device is being linked already');
    if (account.companions.length >= maxCompanions) {
      throw new PairingError(`No more than ${maxCompanions} devices can be linked`);
    }
    const deviceId = account.reserveDeviceId();
    const { details, sealed } = issueDeviceIdentity(
      accountKey,
      this.keys.identityKey,
      advSecret,
      deviceId,
      this.#service.config.now(),
    );
    const outcome = Promise.withResolvers<number>();
    this.#pending = { queryId: randomUUID(), account, details, deviceId, by, outcome };
    this.connection.send(
      stanza(
        'iq',
        {
          from: serverJid,
          type: 'set',
          id: this.#pending.queryId,
          xmlns: 'md',
          t: unixSeconds(this.#service),
        },
        [
          stanza('pair-success', {}, [
            stanza('device-identity', {}, sealed),
            stanza('device', {
              jid: formatJid(account, 'pn', deviceId),
              lid: formatJid(account, 'lid', deviceId),
            }),
            stanza('platform', { name: 'iphone' }),
          ]),
        ],
      ),
    );
    return outcome.promise;
  }

  handle(node: BinaryNode): void {
    if (node.tag === 'ack') this.#logAcknowledgement(node);
    if (node.tag !== 'iq') return;
    const isQuery = node.attrs['type'] === 'get' || node.attrs['type'] === 'set';
    if (isQuery && applyQueryFault(this.#service, this.connection, node, '')) return;
    if (child(node, 'link_code_companion_reg')) this.code.handle(node);
    else if (node.attrs['type'] === 'get') this.connection.send(result(node));
    if (this.#pending && node.attrs['id'] === this.#pending.queryId) this.#finish(this.#pending, node);
  }

  handleClose(): void {
    this.code.handleClose();
    this.#pending?.outcome.reject(new PairingError('Device rejected the pairing and closed the connection'));
    this.#pending = undefined;
  }

  #notify(type: string, content: BinaryNode): void {
    const attributes = { from: serverJid, type, id: randomUUID(), t: unixSeconds(this.#service) };
    this.connection.send(stanza('notification', attributes, [content]));
  }

  #logAcknowledgement({ attrs }: BinaryNode): void {
    if (attrs['class'] !== 'notification') return;
    const kind = attrs['type'] ?? '';
    this.#service.log.add({ type: 'notification acknowledged', connection: this.connection.id, kind });
  }

  #finish(pending: PendingPairing, answer: BinaryNode): void {
    this.#pending = undefined;
    const { account, details, deviceId, by, outcome } = pending;
    const signed = nodeBytes(child(child(answer, 'pair-device-sign'), 'device-identity'));
    if (!isValidDeviceIdentity(signed, details, this.keys.identityKey, account.primary.keys.identityKey)) {
      this.connection.fail({ reason: '401' }, this.#service.config.closeDelayMs);
      outcome.reject(new PairingError('The device did not countersign its identity'));
      return;
    }
    account.link(new CompanionDevice(deviceId, this.noiseKey, this.keys, details));
    this.#service.log.add({ type: 'paired', number: account.number, device: deviceId, by });
    this.#service.timers.after(this.#service.config.closeDelayMs, () =>
      this.connection.endStream(streamError(515), this.#service.config.closeDelayMs),
    );
    outcome.resolve(deviceId);
  }
}

function bytes(value: Uint8Array | null | undefined): Buffer {
  return Buffer.from(value ?? []);
}
