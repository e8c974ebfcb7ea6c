import { expect } from 'chai';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { loadRuleTexts } from '../../src/rules/load.ts';
import { compileNetworks } from '../../src/rules/predicate/cidr.ts';
import { compilePredicate } from '../../src/rules/predicate/compile.ts';
import type { FieldSource } from '../../src/schema/event.ts';
import { FIELD_NAMES } from '../../src/schema/fields.ts';
import { recordFromJson } from '../../src/schema/record.ts';

const setOf = (...conditions: string[]) => {
  const rules = conditions.map((condition, at) => ({ name: `rule ${at}`, condition }));
  const { ruleset, problems } = loadRuleTexts([{ path: 'a.json', text: JSON.stringify({ rules }) }]);
  expect(problems).to.deep.equal([]);
  return ruleset;
};

describe('predicates', () => {
  it('of IPv4 networks agree with the library', () => {
    const part = fc.oneof(fc.nat(255), fc.constantFrom(0, 10, 127, 168, 192, 255));
    const address = fc.tuple(part, part, part, part).map((parts) => parts.join('.'));
    fc.assert(
      fc.property(address, address, fc.nat(32), (text, base, bits) => {
        const wanted = ipaddr.IPv4.parse(text).match(ipaddr.IPv4.parse(base), bits);
        expect(compileNetworks([`${base}/${bits}`])(text)).to.equal(wanted);
        expect(compileNetworks([`${base}/${bits}`])(`::ffff:${text}`)).to.equal(wanted);
      }),
    );
  });

  it('take for addresses what is one in full', () => {
    const any = compileNetworks(['0.0.0.0/0']);
    for (const text of [
      '10.1',
      '10.0.0.01',
      '10.0.0.256',
      '10.0.0.',
      '.10.0.0.1',
      '10..0.1',
      '1.2.3.4.5',
      '0x7f.0.0.1',
      '',
    ]) {
      expect(any(text), text).to.equal(false);
    }
    expect(any('0.0.0.0')).to.equal(true);
    expect(any('255.255.255.255')).to.equal(true);
  });

  it('ask for what is looked up only where nothing cheaper decides', () => {
    const asked: string[] = [];
    const source: FieldSource = {
      kind: 'process_exec',
      value: (field) => {
        asked.push(FIELD_NAMES[field] ?? '');
        return undefined;
      },
    };
    const [rule] = setOf(
      "process.sha256 == 'a' && !(process.name in ['x']) && process.trusted == false && process.command_line.contains('nc -e')",
    ).rules;
    if (rule === undefined) throw new Error('no rule');
    expect(compilePredicate(rule.condition)(source)).to.equal(false);
    expect(asked).to.not.be.empty;
    expect(asked).to.not.include.members(['process.sha256', 'process.trusted']);
  });

  it('are asked by the anchors of the kind of the event alone', () => {
    const ruleset = setOf(
      "(event.type == 'net_conn' || event.type == 'net_send') && network.destination.port == 4444",
      "event.type.startsWith('net_') && process.uid == 4711",
      "event.type == 'file_open' && file.name == 'net_conn'",
    );
    const record = recordFromJson({ event: { type: 'net_conn' }, network: { destination: { port: 80 } } }, '1');
    expect(ruleset.observe(record)).to.equal(undefined);
    expect(ruleset.statistics().map(({ evaluations }) => evaluations)[0]).to.equal(0);
    expect(ruleset.statistics().map(({ evaluations }) => evaluations)[2]).to.equal(0);
  });
});
