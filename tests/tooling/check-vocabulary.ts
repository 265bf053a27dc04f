import { resolve } from 'node:path';
import { findInFiles, findInSubjects, readSubjects } from './find-old-terms.ts';

/** Prints every old term with its standard replacement; exit code 1 if there are any. */
const root = resolve(import.meta.dirname, '../..');
const history = readSubjects(root);
if ('skipped' in history) console.log(`Commit subjects not checked: ${history.skipped}`);
const findings = [...findInFiles(root), ...findInSubjects('subjects' in history ? history.subjects : [])];
for (const { place, found, standard } of findings) console.log(`${place}: "${found}" -> ${standard}`);
process.exitCode = findings.length === 0 ? 0 : 1;
