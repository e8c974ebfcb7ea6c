import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { rulesHash } from '../../src/daemon/rules.ts';
import type { KernelFilter } from '../../src/kernel/types.ts';
import { decodeRules, encodeRules } from '../../src/rules/compiled/encoding.ts';
import { cachedIn, readCompiled, writeCompiled } from '../../src/rules/compiled/store.ts';
import { readRuleFiles } from '../../src/rules/file/files.ts';
import { liveFilter } from '../../src/rules/literals/kernel-filter.ts';
import { loadRuleTexts } from '../../src/rules/load.ts';
import type { RuleDefinition } from '../../src/rules/rule.ts';
import { RuleSet } from '../../src/rules/ruleset.ts';
import { type Condition, walk } from '../../src/rules/tree.ts';
import { KINDS } from '../../src/schema/kinds.ts';
import { tree } from './support/arbitrary.ts';
import { infoOf } from './support/rule.ts';

const NOTHING: KernelFilter = { kinds: new Map() };
const TEXT = `
macros:
  in_tmp: process.path.startsWith('/tmp/')
rules:
  - name: one
    condition: event.type == 'process_exec' && in_tmp
    tags: [execution]
  - name: guesses
    condition: event.type == 'file_open' && in_tmp
    window: { seconds: 10, count: 3, by: [process.uid], distinct: file.path }
  - name: steps
    window: { seconds: 10, sequence: ["event.type == 'net_conn'", "event.type == 'file_open'"] }
  - name: off
    condition: process.uid == 1
    enabled: false
`;

describe('compiled rules', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-compiled-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('are the shipped rules, to the letter', () => {
    const rules = join(import.meta.dirname, '../../rules');
    const { files } = readRuleFiles([rules]);
    const { own, problems, ruleset } = loadRuleTexts(files, { kinds: Object.keys(KINDS) });
    expect(problems).to.deep.equal([]);
    if (own === undefined) throw new Error('the shipped rules cannot be compiled ahead');
    const paths = files.map(({ path }) => path);
    const compiled = { ...own, filter: liveFilter(ruleset.rules), placements: ruleset.placements };
    const text = encodeRules(compiled, paths) ?? '';
    expect(text).to.match(/^[\0-\x7f]+$/);
    const decoded = decodeRules(text, paths);
    expect(decoded).to.deep.equal(compiled);
    // Equal conditions are one object, as after reading; and what tells rule sets apart does not ask whether they are.
    const again = new RuleSet(decoded);
    const objects = (set: RuleSet) => {
      const seen = new Set<Condition>();
      for (const { condition } of set.rules) walk(condition, () => undefined, seen);
      return seen.size;
    };
    expect(objects(again)).to.equal(objects(ruleset));
    expect(rulesHash(again)).to.equal(rulesHash(ruleset));
    expect(again.neededFields()).to.deep.equal(ruleset.neededFields());
    const [first, ...rest] = own.definitions;
    const changed = [{ ...first, condition: rest[0]?.condition }, ...rest] as readonly RuleDefinition[];
    expect(rulesHash(new RuleSet({ definitions: changed }))).to.not.equal(rulesHash(ruleset));
  });

  it('are the same for any condition that can be written down', () => {
    fc.assert(
      fc.property(fc.array(tree, { minLength: 1, maxLength: 4 }), (conditions) => {
        const definitions = conditions.map((each, at): RuleDefinition => {
          const info = { ...infoOf(`r${at}`), source: `f.yaml:${at}` };
          return { info, condition: each, examples: [] };
        });
        const { placements } = new RuleSet({ definitions });
        const text = encodeRules({ definitions, disabled: [], filter: NOTHING, placements }, ['f.yaml']);
        const decoded = decodeRules(text ?? '', ['f.yaml']);
        expect(decoded.definitions).to.deep.equal(definitions);
        expect(decoded.placements).to.deep.equal(placements);
      }),
    );
  });

  it('name the files where they lie now', () => {
    const { own } = loadRuleTexts([{ path: '/build/rules/a.yaml', text: TEXT }]);
    if (own === undefined) throw new Error('nothing to compile');
    const { definitions, disabled } = decodeRules(
      encodeRules({ ...own, filter: NOTHING, placements: [] }, ['/build/rules/a.yaml']) ?? '',
      ['/usr/a.yaml'],
    );
    expect(definitions.map(({ info }) => info.source)).to.deep.equal([
      '/usr/a.yaml:5',
      '/usr/a.yaml:8',
      '/usr/a.yaml:11',
    ]);
    expect(disabled.map(({ info }) => info.name)).to.deep.equal(['off']);
  });

  it('are not made of rules with mistakes, of changes, and of other languages', () => {
    const text = (rules: string) => loadRuleTexts([{ path: 'a.yaml', text: rules }], { heuristics: true }).own;
    expect(text('rules:\n  - name: a\n    condition: process.uid == 1\n')).to.have.property('definitions');
    expect(text('rules:\n  - name: a\n    condition: process.uuid == 1\n')).to.equal(undefined);
    expect(text('rules:\n  - name: suspicious_shell\n    merge: override\n    enabled: false\n')).to.equal(undefined);
  });

  it('keep characters of all sorts', () => {
    const strange = 'é\\u00e9 \u2028 \ud800 "\u{1f600}" \x7f\x80';
    const info = { ...infoOf('r'), source: 'f.yaml:1', description: strange };
    const definitions: RuleDefinition[] = [{ info, condition: { type: 'const', value: true }, examples: [] }];
    const files = [{ path: 'f.yaml', text: '' }];
    const place = cachedIn(directory);
    writeCompiled('key', place, { definitions, disabled: [], filter: NOTHING, placements: [] }, files);
    expect(readCompiled('key', [place], files).rules?.definitions).to.deep.equal(definitions);
  });

  it('are used for the files that they were made from, and passed over when damaged or open to all', () => {
    const files = [{ path: join(directory, 'a.yaml'), text: TEXT }];
    const { own } = loadRuleTexts(files);
    if (own === undefined) throw new Error('nothing to compile');
    const compiled = { ...own, filter: NOTHING, placements: [] };
    const place = cachedIn(directory);
    const read = (key: string) => readCompiled(key, [join(directory, 'none'), place], files);
    expect(writeCompiled('key', place, compiled, files)).to.equal(true);
    const whole = readFileSync(place, 'utf8');
    expect(read('key')).to.deep.equal({ rules: compiled, problems: [] });
    expect(read('other')).to.deep.equal({ rules: undefined, problems: [] });
    writeFileSync(place, whole.replace('/tmp/', '/tnp/'));
    expect(read('key').rules).to.equal(undefined);
    expect(read('key').problems.map(({ message }) => message)).to.deep.equal([
      'compiled rules cannot be used: it is not what was written',
    ]);
    writeFileSync(place, whole);
    chmodSync(place, 0o666);
    expect(read('key').rules).to.equal(undefined);
    expect(read('key').problems.map(({ message }) => message)).to.deep.equal(['everybody may write it']);
  });
});
