// @ts-check
/** @import { ConnectionEvent, Effect } from './connection-reducer.js' */

// A URL path on our server, not a file path.
// oxlint-disable-next-line import/no-absolute-path
import { io } from '/socket.io/socket.io.esm.min.js';
import {
  readFailure,
  readFlag,
  readPairingCode,
  readQr,
  readSessionCause,
  readSessionState,
  readText,
} from '../shared/payloads.js';

/** Socket.IO does not reconnect after `io server disconnect`; a restarting server is back within seconds. */
const reconnectDelayMs = 2000;

/**
 * Opens one salon's Socket.IO connection, which reconnects with exponential back-off and jitter.
 * @param {string} token
 * @param {(event: ConnectionEvent) => void} dispatch
 * @returns {(effect: Effect) => void} runs an effect of the reducer
 */
export const openSocket = (token, dispatch) => {
  const socket = io('/marketplace', {
    path: '/socket.io',
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    auth: { token },
    forceNew: true,
    reconnectionDelay: 1000,
    reconnectionDelayMax: 20_000,
  });

  socket.on('connect', () => dispatch({ type: 'link-up' }));
  socket.on('disconnect', (/** @type {string} */ reason) => {
    dispatch({ type: 'link-down' });
    if (reason === 'io server disconnect')
      setTimeout(() => dispatch({ type: 'reconnect' }), reconnectDelayMs);
  });
  socket.on('connect_error', (/** @type {Error & { data?: unknown }} */ error) => {
    dispatch({ type: 'link-down' });
    if (error.data !== undefined) dispatch({ type: 'failure', failure: readFailure(error.data) });
  });
  socket.on('session-state', (/** @type {unknown} */ payload) => {
    const state = readSessionState(payload);
    if (state !== undefined) dispatch({ type: 'session-state', state, ...readSessionCause(payload) });
  });
  socket.on('qr-update', (/** @type {unknown} */ payload) => {
    const qr = readQr(payload);
    if (qr) dispatch({ type: 'qr', qr });
  });
  socket.on('pairing-code', (/** @type {unknown} */ payload) => {
    const code = readPairingCode(payload);
    if (code) dispatch({ type: 'pairing-code', code });
  });
  socket.on('whatsapp-connected', (/** @type {unknown} */ payload) => {
    dispatch({ type: 'linked', phone: readText(payload, 'phone') });
  });
  socket.on('whatsapp-disconnected', (/** @type {unknown} */ payload) => {
    dispatch({ type: 'unlinked', willReconnect: readFlag(payload, 'willReconnect') });
  });
  socket.on('error', (/** @type {unknown} */ payload) => {
    dispatch({ type: 'failure', failure: readFailure(payload) });
  });

  return (effect) => {
    switch (effect.kind) {
      case 'connect':
        socket.disconnect().connect();
        return;
      case 'qr':
        socket.emit('request-qr');
        return;
      case 'pairing-code':
        socket.emit('request-pairing-code', { phone: effect.phone });
        return;
      case 'close':
        socket.disconnect();
    }
  };
};
