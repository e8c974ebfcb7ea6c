import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { OUTPUTS } from '../../../scripts/generate-falco.ts';
import { EVENT_TYPES } from '../../../src/rules/falco/events.ts';
import { FALCO_FIELDS } from '../../../src/rules/falco/fields/table.ts';
import { KINDS } from '../../../src/schema/kinds.ts';

describe('docs/falco.md', () => {
  it('is what the tables say now', () => {
    for (const [file, text] of Object.entries(OUTPUTS)) {
      expect(readFileSync(`${import.meta.dirname}/../../../${file}`, 'utf8')).to.equal(text());
    }
  });

  it('has every kind of event that is a call in Falco, and every family of fields', () => {
    expect(Object.keys(EVENT_TYPES)).to.have.members(
      Object.keys(KINDS).filter((kind) => !['throttle', 'net_dns', 'sensor'].includes(kind)),
    );
    const families = new Set(Object.keys(FALCO_FIELDS).map((name) => name.split('.')[0]));
    expect([...families]).to.include.members([
      'evt',
      'proc',
      'thread',
      'user',
      'group',
      'fd',
      'fs',
      'container',
      'k8s',
    ]);
  });
});
