import { describe } from 'vitest';
import { crashSuite } from './crash-suite.ts';

describe('a server that is killed, on the embedded store', () => {
  crashSuite({ rounds: 10 });
});
