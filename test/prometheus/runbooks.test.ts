import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { COMMANDS } from '../../src/cli/commands.ts';
import { FLAGS } from '../../src/cli/flags.ts';
import { TABLES } from '../../src/config/options.ts';
import { alertQuery, eventQuery } from '../../src/http/query.ts';
import { RUNBOOKS, readRules } from './support/files.ts';
import { catalogSeries, recordedLabels, unknownNames } from './support/series.ts';

const alerts = readRules().filter((rule) => rule.alert !== undefined);
const pages = readdirSync(RUNBOOKS).filter((file) => file !== 'README.md');
const text = (page: string) => readFileSync(join(RUNBOOKS, page), 'utf8');

describe('runbooks', () => {
  it('exist for every alert, and for nothing else', () => {
    expect(pages.sort()).to.deep.equal(alerts.map(({ alert }) => `${alert}.md`).sort());
    for (const { alert, annotations } of alerts)
      expect(annotations?.runbook_url).to.equal(`{{ $externalURL }}/user/runbooks/${alert}.md`);
  });

  it('are all listed in the index', () => {
    const index = text('README.md');
    for (const page of pages) expect(index).to.contain(`](${page})`);
  });

  it('say what it means, what it costs, how to look and what to do', () => {
    for (const page of pages) {
      const content = text(page);
      expect(content).to.match(new RegExp(`^# ${page.replace('.md', '')}\n\n[A-Z]`));
      for (const heading of ['Meaning', 'Impact', 'Diagnosis', 'emedy'])
        expect(content, page).to.match(new RegExp(`^## .*${heading}`, 'm'));
      expect(content, page).to.match(/```(?:sh|promql)\n/);
      for (const [, target = ''] of content.matchAll(/\]\((\w+\.md)\)/g))
        expect(pages, `${page} links`).to.include(target);
    }
  });

  it('ask only for metrics and labels that exist', () => {
    const known = catalogSeries();
    for (const { record } of readRules()) if (record !== undefined) known.set(record, recordedLabels(record));
    for (const page of pages) {
      for (const [, block = ''] of text(page).matchAll(/```promql\n([\s\S]*?)```/g))
        for (const query of block.trim().split('\n'))
          expect(unknownNames(query, known), `${page}: ${query}`).to.deep.equal([]);
      for (const [name] of text(page).matchAll(/\bbpfwarden_[a-z_]+\b(?![:(|])/g))
        expect(
          [...known.keys()].some((series) => series.includes(name)),
          `${page} names ${name}`,
        ).to.equal(true);
    }
  });

  it('ask the API for what it answers', () => {
    let asked = 0;
    for (const page of pages) {
      const content = text(page).replace(/\$\([^)]*\)/g, '1764000000');
      for (const [, list = '', query = ''] of content.matchAll(/\/api\/v1\/(alerts|events)\?([^\s'"`]+)/g)) {
        expect(() => (list === 'alerts' ? alertQuery(query) : eventQuery(query)), `${page}: ${query}`).to.not.throw();
        asked += 1;
      }
    }
    expect(asked).to.be.above(8);
  });

  it('use commands, flags and options that exist', () => {
    for (const page of pages) {
      const content = text(page);
      for (const [, command = ''] of content.matchAll(/(?:^|`)bpfwarden ([a-z]+)/gm))
        expect(Object.keys(COMMANDS), `${page} runs ${command}`).to.include(command);
      for (const [, flag = ''] of content.matchAll(/bpfwarden [a-z]+ --([a-z.-]+)/g))
        expect(Object.keys(FLAGS), `${page} passes ${flag}`).to.include(flag);
      for (const [, table = '', key = ''] of content.matchAll(
        /`(rules|kernel|enrich|ledger|spool|output|history)\.([a-z_]+)`/g,
      ))
        expect(Object.keys(TABLES[table as keyof typeof TABLES]), `${page} names ${table}.${key}`).to.include(key);
    }
  });
});
