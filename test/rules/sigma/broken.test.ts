import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { loadSigma, loadSigmaTexts } from '../../../src/rules/sigma/load.ts';
import { BROKEN, FIXTURES, filesBelow } from './support/corpus.ts';

const SOUND = `title: Sound
id: 6a1f8c06-3d0b-4d4e-9a55-111111111111
logsource:
    product: linux
    category: process_creation
detection:
    selection:
        Image: /a
    condition: selection
`;
const search = (line: string) => SOUND.replace('        Image: /a', line);
const load = (...texts: string[]) => loadSigmaTexts(texts.map((text, at) => ({ path: `${at}.yml`, text })));
const messages = (...texts: string[]) => load(...texts).problems.map((problem) => problem.message);

describe('broken Sigma files', function () {
  this.timeout(60_000);
  const alone = filesBelow(FIXTURES).length;

  for (const file of filesBelow(BROKEN)) {
    it(`${basename(file)} is refused with its place, and the rest loads`, () => {
      const { rules, correlations, problems } = loadSigma([FIXTURES, file]);
      expect(rules.length).to.be.greaterThan(alone);
      expect(rules.map((rule) => rule.info.source).filter((source) => source.startsWith(file))).to.deep.equal([]);
      expect(correlations).to.deep.equal([]);
      expect(problems.length).to.be.greaterThan(0);
      for (const problem of problems) {
        expect(problem.file).to.equal(file);
        expect(problem.message).to.match(/\S/);
      }
    });
  }

  it('leaves the sound documents of a file that has a broken one', () => {
    const { rules, problems } = load(`title: [\n---\n${SOUND}---\ntitle: Other\ndetection: 5\n`);
    expect(rules.map((rule) => rule.info.name)).to.deep.equal(['Sound']);
    expect(problems.map((problem) => problem.message)).to.have.lengthOf(2);
  });

  it('names both places of an id that stands twice', () => {
    const { rules, problems } = load(SOUND, SOUND);
    expect(rules).to.have.lengthOf(1);
    expect(problems[0]).to.deep.include({ file: '1.yml', line: 1, subject: '6a1f8c06-3d0b-4d4e-9a55-111111111111' });
    expect(problems[0]?.message).to.include('0.yml:1');
  });

  it('gives the line of a mistake and the field that was meant', () => {
    const [problem] = load(search('        Image: /a\n        CommandLien: x')).problems;
    expect(problem).to.deep.include({ line: 9, remedy: 'did you mean CommandLine?' });
  });

  const bounded: Record<string, [string, RegExp]> = {
    'a list of 100,000 values': [
      search(`        CommandLine:\n${Array.from({ length: 100_000 }, (_, at) => `          - v${at}`).join('\n')}`),
      /larger|more than/,
    ],
    'lists in lists': [`title: ${'['.repeat(100_000)}`, /nested/],
    'sequences on one line': [`title:\n  ${'- '.repeat(50_000)}`, /nested/],
    'maps in maps': [`title: ${'{a: '.repeat(50_000)}`, /nested/],
    'a map with 60,000 keys': [
      search(Array.from({ length: 60_000 }, (_, at) => `        k${at}: v`).join('\n')),
      /unknown|more than/,
    ],
    'too many documents': ['---\n'.repeat(20_000), /documents/],
    'a condition of 5,000 words': [
      SOUND.replace('condition: selection', `condition: selection${' or selection'.repeat(5000)}`),
      /words/,
    ],
    'a search named again and again': [
      search(
        `        CommandLine:\n${Array.from({ length: 2000 }, (_, at) => `          - v${at}`).join('\n')}`,
      ).replace('condition: selection', `condition: selection${' or selection'.repeat(900)}`),
      /values/,
    ],
    'a long regular expression': [search(`        CommandLine|re: '${'a'.repeat(20_000)}'`), /characters/],
    'a title without end': [SOUND.replace('title: Sound', `title: ${'x'.repeat(10_000)}`), /256/],
  };
  for (const [name, [text, message]] of Object.entries(bounded)) {
    it(`${name}: refused in bounded time`, () => {
      const start = process.cpuUsage();
      const found = messages(text);
      expect(found.join('\n')).to.match(message);
      expect(process.cpuUsage(start).user / 1000).to.be.lessThan(20_000);
    });
  }

  it('has a key __proto__ change nothing', () => {
    expect(messages(`__proto__: {polluted: true}\n${SOUND}`)).to.deep.equal([]);
    expect(Reflect.get({}, 'polluted')).to.equal(undefined);
    expect(messages(search('        __proto__: {Image: /a}')).join()).to.include('__proto__');
  });

  it('refuses titles that would forge a line of a log', () => {
    expect(messages(SOUND.replace('title: Sound', 'title: "Sound\\nlevel=info"')).join()).to.include(
      'control characters',
    );
  });

  it('never ends in an exception, whatever is cut, doubled or put in', function () {
    this.timeout(60_000);
    const whole = filesBelow(FIXTURES).map((file) => readFileSync(file, 'utf8'));
    const edit = fc.record({
      at: fc.nat(),
      cut: fc.nat({ max: 20 }),
      put: fc.constantFrom(
        '',
        '*',
        '&a ',
        '!x ',
        '[',
        '{',
        '- ',
        '|',
        '"',
        '\n',
        '  ',
        '\t',
        '<<: ',
        '\\',
        '---\n',
        '\0',
        'not ',
        '(',
      ),
    });
    fc.assert(
      fc.property(fc.constantFrom(...whole), fc.array(edit, { minLength: 1, maxLength: 4 }), (text, edits) => {
        let edited = text;
        for (const { at, cut, put } of edits) {
          const place = at % (edited.length + 1);
          edited = edited.slice(0, place) + put + edited.slice(place + cut);
        }
        expect(messages(edited).filter((message) => message.includes('cannot be evaluated'))).to.deep.equal([]);
      }),
      { numRuns: 300 },
    );
  });

  describe('in a directory', () => {
    let folder = '';
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'bpfwarden-sigma-'));
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    it('reads .yml and .yaml below it, once, and nothing else', () => {
      mkdirSync(join(folder, 'deep'));
      writeFileSync(join(folder, 'deep', 'a.yml'), SOUND);
      writeFileSync(join(folder, 'b.yaml'), SOUND.replace(/Sound/, 'Second').replace(/1{12}/, '2'.repeat(12)));
      writeFileSync(join(folder, 'c.json'), '{');
      symlinkSync(folder, join(folder, 'deep', 'round'));
      symlinkSync(join(folder, 'b.yaml'), join(folder, 'd.yml'));
      const { rules, problems } = loadSigma([folder, join(folder, 'deep')]);
      expect(rules.map((rule) => rule.info.name)).to.have.members(['Sound', 'Second']);
      expect(problems).to.deep.equal([]);
    });

    it('names what cannot be read', () => {
      writeFileSync(join(folder, 'binary.yml'), Buffer.from([0xff, 0xfe, 0x00, 0x80]));
      writeFileSync(join(folder, 'huge.yml'), `#${' '.repeat(1 << 20)}\n${SOUND}`);
      symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling.yml'));
      const { problems } = loadSigma([folder, join(folder, 'missing'), '/dev/null']);
      const by = new Map(problems.map((problem) => [basename(problem.file ?? ''), problem.message]));
      expect(by.get('binary.yml')).to.include('UTF-8');
      expect(by.get('huge.yml')).to.include('larger');
      expect(by.get('dangling.yml')).to.include('ENOENT');
      expect(by.get('missing')).to.include('ENOENT');
      expect(by.get('null')).to.include('regular file');
    });
  });
});
