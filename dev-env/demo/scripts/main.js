// @ts-check
/** @import { DemoState } from '../demo-state.ts' */

import { ClientPhone } from './client-phone.js';
import { Computer } from './computer.js';
import { Journal } from './journal.js';
import { startLanguages } from './language.js';
import { OwnerPhone } from './owner-phone.js';
import { showDisconnected, showServerStatus } from './server-status.js';
import { showSteps } from './steps.js';

const computer = new Computer();
startLanguages((language) => computer.speak(language));
const owner = new OwnerPhone(computer.frame);
const journal = new Journal();
const client = new ClientPhone();

const events = new EventSource('/demo/events');
events.addEventListener('message', (event) => {
  /** @type {unknown} */
  const data = JSON.parse(String(event.data));
  const state = /** @type {DemoState} */ (data);
  computer.show(state);
  owner.show(state);
  journal.show(state);
  client.show(state);
  showSteps(state);
  showServerStatus(state);
});
events.addEventListener('error', showDisconnected);
