// @ts-check

import { startPage } from './shared/page.js';

startPage(() => {}).catch(reportError);
