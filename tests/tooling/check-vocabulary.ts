import { resolve } from 'node:path';
import { type Finding, findInFiles, findInSubjects, readSubjects } from './find-old-terms.ts';

/** Prints old terms with their standard replacement, of `files` or of commit `subjects`; exit code 1 if there are any. */
const root = resolve(import.meta.dirname, '../..');
const findings = process.argv[2] === 'subjects' ? checkSubjects() : findInFiles(root);
for (const { place, found, standard } of findings) console.log(`${place}: "${found}" -> ${standard}`);
process.exitCode = findings.length === 0 ? 0 : 1;

function checkSubjects(): Finding[] {
  const history = readSubjects(root);
  if ('subjects' in history) return findInSubjects(history.subjects);
  console.log(`Commit subjects not checked: ${history.skipped}`);
  return [];
}
