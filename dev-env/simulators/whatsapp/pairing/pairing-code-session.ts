import { randomBytes, randomUUID } from 'node:crypto';
import type { BinaryNode, KeyPair } from '@whiskeysockets/baileys';
import type { ClientConnection } from '../connection/client-connection.ts';
import { unixSeconds } from '../service.ts';
import type { Service } from '../service.ts';
import { parseJid } from '../stanzas/jids.ts';
import { nodeBytes, child, errorResult, result, serverJid, stanza, nodeText } from '../stanzas/nodes.ts';
import { createCodeAgreement } from './pairing-code.ts';
import type { CodeAgreement } from './pairing-code.ts';
import { PairingError } from './qr-code.ts';

type CompanionHello = Readonly<{ number: string; wrappedEphemeral: Buffer; ref: Buffer; atMs: number }>;
type Attempt = Readonly<{ agreement: CodeAgreement; secret: PromiseWithResolvers<Buffer> }>;

/** The service refuses device names that no browser has. */
const allowedDisplayPattern =
  /^(Chrome|Edge|Firefox|IE|Opera|Safari) \((Mac OS|Windows|Ubuntu|Debian|Linux)\)$/;

/** Linking by a code that the companion shows and the person types on the phone. */
export class PairingCodeSession {
  readonly #service: Service;
  readonly #connection: ClientConnection;
  readonly #companionIdentity: Buffer;
  #hello: CompanionHello | undefined;
  #attempt: Attempt | undefined;

  constructor(service: Service, connection: ClientConnection, companionIdentity: Buffer) {
    this.#service = service;
    this.#connection = connection;
    this.#companionIdentity = companionIdentity;
  }

  /** True when a code is shown that the phone of this number accepts. */
  isWaitingFor(number: string): boolean {
    const { codeLifetimeMs, now } = this.#service.config;
    return this.#hello?.number === number && now() <= this.#hello.atMs + codeLifetimeMs;
  }

  /** Handles a pairing request of the companion. */
  handle(request: BinaryNode): void {
    const node = child(request, 'link_code_companion_reg');
    const isHello = node?.attrs['stage'] === 'companion_hello';
    const { codeRefusal } = this.#service.faults;
    if (isHello && codeRefusal !== undefined) {
      this.#connection.send(errorResult(request, codeRefusal, 'refused'));
      return;
    }
    if (isHello && !allowedDisplayPattern.test(nodeText(child(node, 'companion_platform_display')))) {
      this.#connection.send(errorResult(request, 400, 'bad-request'));
      return;
    }
    if (!isHello) {
      this.#connection.send(result(request));
      this.#finish(node);
      return;
    }
    const ref = randomBytes(16);
    this.#hello = {
      number: parseJid(node.attrs['jid'])?.user ?? '',
      wrappedEphemeral: nodeBytes(child(node, 'link_code_pairing_wrapped_companion_ephemeral_pub')),
      ref,
      atMs: this.#service.config.now(),
    };
    const answer = stanza('link_code_companion_reg', { stage: 'companion_hello' }, [
      stanza('link_code_pairing_ref', {}, ref),
    ]);
    this.#connection.send(result(request, [answer]));
  }

  /** A notification about the code without the data that pairing needs, as the service sends occasionally. */
  sendIncompleteNotification(): void {
    const node = stanza('link_code_companion_reg', { stage: 'refresh_code' });
    this.#connection.send(stanza('notification', this.#notificationAttributes(), [node]));
  }

  /** Pairs with the code typed on the phone. @returns the ADV secret */
  async enterCode(code: string, accountKey: KeyPair): Promise<Buffer> {
    const hello = this.#hello;
    if (hello === undefined) throw new PairingError('No pairing-code registration is pending');
    const agreement = await createCodeAgreement(code, hello.wrappedEphemeral, accountKey);
    const secret = Promise.withResolvers<Buffer>();
    this.#attempt?.secret.reject(new PairingError('Superseded by another code'));
    this.#attempt = { agreement, secret };
    this.#connection.send(
      stanza('notification', this.#notificationAttributes(), [
        stanza('link_code_companion_reg', { stage: 'primary_hello' }, [
          stanza('link_code_pairing_wrapped_primary_ephemeral_pub', {}, agreement.wrappedEphemeral),
          stanza('primary_identity_pub', {}, accountKey.public),
          stanza('link_code_pairing_ref', {}, hello.ref),
        ]),
      ]),
    );
    return secret.promise;
  }

  handleClose(): void {
    this.#attempt?.secret.reject(new PairingError('Device closed the connection'));
  }

  #notificationAttributes(): Record<string, string> {
    const t = unixSeconds(this.#service);
    return { from: serverJid, type: 'link_code_companion_reg', id: randomUUID(), t };
  }

  #finish(node: BinaryNode | undefined): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    if (attempt === undefined) return;
    try {
      if (!nodeBytes(child(node, 'companion_identity_public')).equals(this.#companionIdentity)) {
        throw new PairingError('The device answered with another identity than it registered with');
      }
      const bundle = nodeBytes(child(node, 'link_code_pairing_wrapped_key_bundle'));
      attempt.secret.resolve(attempt.agreement.finish(bundle, this.#companionIdentity));
    } catch (error) {
      attempt.secret.reject(error);
    }
  }
}
