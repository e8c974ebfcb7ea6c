import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'smol-toml';
import { SINK_TYPES } from '../../src/alerts/sinks/registry.ts';
import { parseConfig } from '../../src/config/load.ts';

type Table = Record<string, unknown>;

describe('the configuration of an older version', () => {
  for (const version of ['0.1.0'])
    it(`${version}: each option is read and means what it meant`, () => {
      const text = readFileSync(join(import.meta.dirname, `${version}.toml`), 'utf8');
      const config: Record<string, unknown> = { ...parseConfig(text, 'bpfwarden.toml', SINK_TYPES) };
      for (const [name, given] of Object.entries(parse(text))) {
        if (!Array.isArray(given)) expect(config[name], name).to.deep.include(given as Table);
        else
          for (const [index, entry] of (given as Table[]).entries())
            expect((config[name] as Table[])[index], `${name} ${index}`).to.deep.include(entry);
      }
    });
});
