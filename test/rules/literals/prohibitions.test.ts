import { expect } from 'chai';
import fc from 'fast-check';
import { PREVENTABLE } from '../../../src/kernel/programs.ts';
import { endpointHash, pathHash } from '../../../src/kernel/prohibitions.ts';
import type { Prohibition } from '../../../src/kernel/types.ts';
import { celCondition } from '../../../src/rules/cel/condition.ts';
import { prohibitionsOf } from '../../../src/rules/literals/prohibitions.ts';
import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import { bareSource } from '../../../src/rules/source.ts';
import type { FieldName } from '../../../src/schema/fields.ts';
import { eventOf, type Fields } from '../support/event.ts';

const conditionOf = (text: string) => celCondition(bareSource(text));
const decide = (text: string) => prohibitionsOf(conditionOf(text), PREVENTABLE);

/** What bpf/prevent.bpf.c does with the entries: by hashes, as it sees them. */
function refuses(prohibitions: readonly Prohibition[], fields: Fields): boolean {
  const text = (name: FieldName) => String(fields[name]);
  const kind = text('event.type');
  const path = kind === 'process_exec' ? text('process.path') : text('file.path');
  const isAbout = ({ object }: Prohibition): boolean => {
    const lies = (name: string, directory: string) => {
      const above = name.split('/').slice(1, -1);
      return above.some((_, at) => pathHash(`/${above.slice(0, at + 1).join('/')}`) === pathHash(directory));
    };
    const port = Number(fields['network.destination.port']);
    const address = text('network.destination.ip');
    switch (object?.is) {
      case 'path':
        return pathHash(object.path) === pathHash(path);
      case 'below':
        return lies(path, object.directory);
      case 'new_path':
        return pathHash(object.path) === pathHash(text('file.new_path'));
      case 'new_below':
        return lies(text('file.new_path'), object.directory);
      case 'endpoint':
        return endpointHash(object.address, object.port) === endpointHash(address, port);
      case 'address':
        return endpointHash(object.address, 0) === endpointHash(address, 0);
      case 'port':
        return object.port === port;
      default:
        return true;
    }
  };
  return prohibitions.some(
    (each) =>
      each.kind === kind &&
      (each.user === undefined || each.user === fields['process.uid']) &&
      (each.program === undefined || pathHash(each.program) === pathHash(text('process.path'))) &&
      isAbout(each),
  );
}

const PATHS = ['/etc', '/etc/shadow', '/etc/ssh/key', '/etc/sshd', '/usr/bin/nc', '/tmp/Ä', '/tmp/ä'];
const ADDRESSES = ['192.0.2.1', '192.0.2.2', '2001:db8::1'];
const quoted = (values: readonly string[]) => values.map((value) => `'${value}'`).join(', ');
const subset = <T>(values: readonly T[]) => fc.subarray([...values], { minLength: 1 });
const leaf = fc.oneof(
  subset(['file_open', 'file_rename', 'file_unlink', 'process_exec', 'net_conn', 'file_read']).map(
    (kinds) => `event.type in [${quoted(kinds)}]`,
  ),
  subset(PATHS).map((paths) => `file.path in [${quoted(paths)}]`),
  fc.constantFrom('/etc/', '/etc/ssh/', '/tmp/').map((directory) => `file.path.startsWith('${directory}')`),
  subset(PATHS).map((paths) => `file.new_path in [${quoted(paths)}]`),
  fc.constantFrom('/etc/', '/tmp/').map((directory) => `file.new_path.startsWith('${directory}')`),
  subset(PATHS).map((paths) => `process.path in [${quoted(paths)}]`),
  fc.constantFrom(0, 1000).map((uid) => `process.uid == ${uid}`),
  subset(ADDRESSES).map((addresses) => `network.destination.ip in [${quoted(addresses)}]`),
  fc.constantFrom(22, 443).map((port) => `network.destination.port == ${port}`),
  fc.constant(`event.error == ''`),
);
const { tree } = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => `(${a} && ${b})`),
    fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => `(${a} || ${b})`),
  ),
}));
const common = {
  'event.error': fc.constant(''),
  'process.path': fc.constantFrom(...PATHS),
  'process.uid': fc.constantFrom(0, 1000),
};
const event: fc.Arbitrary<Fields> = fc.oneof(
  fc.record({
    'event.type': fc.constantFrom('file_open', 'file_unlink'),
    'file.path': fc.constantFrom(...PATHS),
    ...common,
  }),
  fc.record({
    'event.type': fc.constant('file_rename'),
    'file.path': fc.constantFrom(...PATHS),
    'file.new_path': fc.constantFrom(...PATHS),
    ...common,
  }),
  fc.record({ 'event.type': fc.constant('process_exec'), ...common }),
  fc.record({
    'event.type': fc.constant('net_conn'),
    'network.destination.ip': fc.constantFrom(...ADDRESSES),
    'network.destination.port': fc.constantFrom(22, 443, 8080),
    ...common,
  }),
);

describe('what the kernel refuses for a rule that blocks', () => {
  it('a call is refused exactly when its event would match', () => {
    let decided = 0;
    fc.assert(
      fc.property(tree, event, (text, fields) => {
        const decision = decide(text);
        if ('because' in decision) return;
        decided++;
        expect(refuses(decision.prohibitions, fields), text).to.equal(
          compilePredicate(conditionOf(text))(eventOf(fields)),
        );
      }),
      { numRuns: 600 },
    );
    expect(decided, 'rules that the kernel decides').to.be.above(20);
  });

  for (const [text, because] of [
    [`event.type == 'file_open' && file.path.endsWith('.pem')`, /begin with a directory/],
    [`event.type == 'file_open' && file.path.startsWith('/etc/pass')`, /begin with a directory/],
    [`event.type == 'file_open' && !(file.path == '/etc/passwd')`, /must be a path|negation/],
    [`event.type == 'process_exec'`, /everything would be refused/],
    [`event.type == 'file_rename' && file.path == '/a' && file.new_path == '/b'`, /both the old and the new name/],
    [`event.type == 'file_open' && file.path.startsWith('/')`, /begin with a directory/],
    [`event.type == 'process_exec' && process.args.exists(a, a == '-e')`, /list/],
    [`event.type == 'process_exec' && process.path == 'nc'`, /no absolute path/],
    [`event.type == 'setuid' && process.uid == 0`, /no calls of its kind/],
    [`event.type == 'net_conn' && network.destination.ip == '::1' && process.name == 'nc'`, /process.name/],
  ] as const)
    it(`says why the kernel cannot decide ${text}`, () => {
      expect(decide(text)).to.have.property('because').that.matches(because);
    });
});
