import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { readEnvironment, secretNames, variableNames } from '../../src/config/env.ts';

const lines = readFileSync('.env.example', 'utf8').split('\n');
const documented = lines.flatMap((line) => /^([A-Z_]+)=/.exec(line)?.[1] ?? []);

describe('.env.example', () => {
  it('names every variable once, in the order of the code', () => {
    expect(documented).toEqual([...variableNames]);
  });

  it('says default and production need above each variable, and marks the secrets', () => {
    for (const name of variableNames) {
      const comment = lines[lines.findIndex((line) => line.startsWith(`${name}=`)) - 1] ?? '';
      expect(comment, name).toMatch(/^# .+ Default: .+ production: .+/);
      expect(comment.endsWith('(secret)'), name).toBe((secretNames as readonly string[]).includes(name));
    }
  });

  it('is a valid development configuration as it stands', () => {
    const raw: Record<string, string> = {};
    for (const line of lines) {
      const [name = '', ...value] = line.split('=');
      if (!line.startsWith('#')) raw[name] = value.join('=');
    }
    const { values, problems } = readEnvironment(raw);
    expect(loadConfig(values, problems).config.database.kind).toBe('embedded');
  });
});
