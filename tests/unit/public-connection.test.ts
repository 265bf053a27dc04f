import { describe, expect, it } from 'vitest';
import {  } from '../../public/scripts/payloads.js';
import { Visit } from '../harness/page-visit.ts';
