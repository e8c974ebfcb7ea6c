import { expect } from 'chai';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import type { FileClass, FilterToken, KindFilter } from '../../../src/kernel/types.ts';
import { celCondition } from '../../../src/rules/cel/condition.ts';
import { kernelFilter } from '../../../src/rules/literals/kernel-filter.ts';
import { compilePredicate } from '../../../src/rules/predicate/compile.ts';
import { lowerAscii } from '../../../src/rules/predicate/fold.ts';
import { parseGlob } from '../../../src/rules/predicate/glob.ts';
import { bareSource } from '../../../src/rules/source.ts';
import { all, any, type Condition, field, leaf, not, refute, type Test } from '../../../src/rules/tree.ts';
import { eventOf, type Fields, withBehaviors } from '../support/event.ts';
import { infoOf, ruleOf } from '../support/rule.ts';

const COMPONENTS = [
  'etc',
  'shadow',
  '.ssh',
  'id_rsa',
  'cron.d',
  'key.pem',
  'KEY.PEM',
  'tmp',
  'authorized_keys',
  'x',
  'wörter',
];
const path = fc
  .array(fc.constantFrom(...COMPONENTS), { minLength: 1, maxLength: 4 })
  .map((parts) => `/${parts.join('/')}`);

function pathFields(text: string): Fields {
  const cut = text.lastIndexOf('/');
  const name = text.slice(cut + 1);
  const dot = name.lastIndexOf('.');
  return {
    'file.path': text,
    'file.name': name,
    'file.directory': text.slice(0, cut) || '/',
    'file.extension': dot < 0 ? '' : name.slice(dot + 1),
  };
}

const ACCESS_MODES = { read: 'O_RDONLY', write: 'O_WRONLY', read_write: 'O_RDWR' } as const;

/** Events as the kernel makes them: what a kind has is there. */
const event: fc.Arbitrary<Fields> = fc
  .oneof(
    fc
      .record({
        path,
        access: fc.constantFrom('read', 'write', 'read_write', undefined),
        more: fc.subarray(['O_CREAT', 'O_TRUNC']),
        created: fc.constantFrom(true, false, undefined),
        error: fc.constantFrom('', '', 'EACCES', 'ENOENT'),
        uid: fc.constantFrom(0, 1000),
        passed: fc.constantFrom(undefined, '../x', './x', '/a/../b'),
      })
      .map(
        ({ path: text, access, more, created, error, uid, passed }): Fields => ({
          'file.passed_path': passed,
          'event.type': 'file_open',
          'event.error': error,
          'file.access': access,
          'file.flags': [ACCESS_MODES[access ?? 'read'], ...more],
          'file.created': created,
          'process.uid': uid,
          'process.name': 'cat',
          ...pathFields(text),
        }),
      ),
    fc.tuple(path, path).map(
      ([from, to]): Fields => ({
        'event.type': 'file_rename',
        'event.error': '',
        'process.uid': 0,
        'process.name': 'mv',
        ...pathFields(from),
        'file.new_path': to,
      }),
    ),
    fc
      .record({
        ip: fc.constantFrom('10.1.2.3', '192.168.0.9', '2001:db8::1', '127.0.0.1', '::1', '127.0.0.2'),
        port: fc.constantFrom(22, 443, 4444),
        name: fc.constantFrom('cat', 'bash', 'Bash', 'a-name-that-comm-cuts'),
      })
      .map(
        ({ ip, port, name }): Fields => ({
          'event.type': 'net_conn',
          'event.error': '',
          'process.uid': 1000,
          'process.name': name,
          'network.destination.ip': ip,
          'network.destination.port': port,
          'network.source.ip': '127.0.0.1',
          'network.source.port': 40000,
        }),
      ),
  )
  .map(withBehaviors);

/** What the kernel does with an event, in the terms of bpf/filter.bpf.h. */
function passes(filter: KindFilter | undefined, fields: Fields, folds: boolean): boolean {
  if (filter === undefined || filter.pass === 'none') return false;
  if (filter.pass === 'whole') return true;
  const components = [fields['file.path'], fields['file.new_path']].flatMap((text) => {
    const whole = String(text ?? '');
    return (folds ? lowerAscii(whole) : whole).split('/');
  });
  const classes = classesOf(fields);
  return filter.tokens.some((token) => hits(token, fields, { components, classes, folds }));
}

function classesOf(fields: Fields): FileClass[] {
  const classes: FileClass[] = [];
  const access = fields['file.access'];
  const flags = fields['file.flags'];
  if (access !== 'write') classes.push('open_read');
  if (access === 'write' || access === 'read_write') classes.push('open_write');
  if (fields['file.created'] === true || (Array.isArray(flags) && flags.some((flag) => flag === 'O_CREAT'))) {
    classes.push('open_create');
  }
  if (fields['event.error'] !== '') classes.push('open_failed');
  const passed = String(fields['file.passed_path'] ?? fields['file.path']);
  if (fields['event.error'] !== '' || passed.includes('../')) classes.push('open_climbing');
  return classes;
}

function hits(
  token: FilterToken,
  fields: Fields,
  { components, classes, folds }: { components: readonly string[]; classes: readonly FileClass[]; folds: boolean },
): boolean {
  switch (token.type) {
    case 'error':
      return fields['event.error'] !== '';
    case 'opened':
      return fields['event.type'] === 'file_open' && classes.includes(token.how);
    case 'uid':
      return fields['process.uid'] === token.uid || fields['process.euid'] === token.uid;
    case 'remote':
      return fields['network.destination.ip'] !== '127.0.0.1' && fields['network.destination.ip'] !== '::1';
    case 'process_name': {
      const name = String(fields['process.name'] ?? '');
      // The kernel does not know names of more than 14 bytes, and lets pass what it does not know.
      return Buffer.byteLength(name) > 14 || (folds ? lowerAscii(name) : name) === token.text;
    }
    case 'port':
      return fields[`network.${token.side}.port`] === token.port;
    case 'cidr': {
      const address = fields[`network.${token.side}.ip`];
      if (typeof address !== 'string') return false;
      const [network, bits] = ipaddr.parseCIDR(token.cidr);
      const parsed = ipaddr.parse(address);
      return parsed.kind() === network.kind() && parsed.match(network as never, bits);
    }
    default: {
      if (token.classes !== undefined && fields['event.type'] === 'file_open') {
        if (!token.classes.some((name) => classes.includes(name))) return false;
      }
      const { text } = token;
      if (token.type === 'component_first') {
        const begin = `/${text}/`;
        return [fields['file.path'], fields['file.new_path']].some((one) =>
          (folds ? lowerAscii(String(one)) : String(one)).startsWith(begin),
        );
      }
      if (token.type === 'component') return components.includes(text);
      if (token.type === 'component_prefix') return components.some((component) => component.startsWith(text));
      return components.some((component) => component.endsWith(text));
    }
  }
}

const part = fc
  .tuple(path, fc.nat(20), fc.nat(20))
  .map(([text, from, length]) => text.slice(from % text.length, (from % text.length) + 1 + length));
const flags = fc.constantFrom({}, {}, { ignoreCase: true });
const quote = (text: string) => text.replaceAll('.', '\\.');
const pathTest: fc.Arbitrary<Test> = fc.oneof(
  fc
    .tuple(fc.array(path, { minLength: 1, maxLength: 2 }), flags)
    .map(([values, f]): Test => ({ op: 'equal', values, ...f })),
  fc
    .tuple(fc.constantFrom('contains', 'startsWith', 'endsWith'), fc.array(part, { minLength: 1, maxLength: 2 }), flags)
    .map(([op, values, f]): Test => ({ op, values, ...f })),
  fc.tuple(part, part, flags).map(([a, b, f]): Test => ({ op: 'glob', values: [parseGlob(`${a}*${b}`)], ...f })),
  part.map((text): Test => ({ op: 'glob', values: [parseGlob(`*${text}*`)] })),
  part.map((text): Test => ({ op: 'matches', pattern: `(^|/)${text.replaceAll('.', '\\.')}.*$` })),
  fc.tuple(part, part).map(([a, b]): Test => ({ op: 'matches', pattern: `(?i)^/.*(${a}|${b}).*(shadow|pem)?$` })),
  fc
    .tuple(
      fc.constantFrom('', '^', '(^|/)', '(?m)^', '(?i)'),
      part,
      fc.constantFrom('', '.*', '[^/]+'),
      part,
      fc.constantFrom('', '$', '(\\.pem)?$'),
    )
    .map(([begin, a, gap, b, end]): Test => ({ op: 'matches', pattern: begin + quote(a) + gap + quote(b) + end })),
  fc
    .tuple(fc.constantFrom('', '^', '^/etc', '(?i)^'), part, fc.constantFrom('$', '/', '', '[a-z]*$'))
    .map(([begin, a, end]): Test => ({ op: 'matches', pattern: begin + quote(a) + end })),
);
const COMPUTED = ['file.placed_path', 'file.removed_path'] as const;
const pathLeaf = fc.oneof(
  fc
    .tuple(fc.constantFrom('file.path', 'file.path', 'file.new_path', 'file.directory', ...COMPUTED), pathTest)
    .map(([name, test]) => leaf(field(name), test)),
  fc
    .tuple(
      fc.constantFrom('equal', 'startsWith', 'endsWith', 'contains'),
      fc.constantFrom(...COMPONENTS, '_keys', 'author'),
    )
    .map(([op, text]) => leaf(field('file.name'), { op, values: [text] })),
  fc
    .tuple(
      fc.constantFrom('^', '(^|x)', ''),
      fc.constantFrom(...COMPONENTS, 'id', 'rsa', 'pem'),
      fc.constantFrom('$', '', '\\..*$'),
    )
    .map(([begin, text, end]) => leaf(field('file.name'), { op: 'matches', pattern: begin + quote(text) + end })),
  fc
    .constantFrom('^(pem|PEM)$', 'em$', '(?i)^d$')
    .map((pattern) => leaf(field('file.extension'), { op: 'matches', pattern })),
  fc.constantFrom('pem', 'd', 'so').map((text) => leaf(field('file.extension'), { op: 'equal', values: [text] })),
);
const otherLeaf = fc.constantFrom(
  ...[
    "'file_placed' in event.behaviors",
    "!('file_placed' in event.behaviors)",
    "event.behaviors.exists(b, b.startsWith('file_') && b != 'file_placed')",
    "'connected' in event.behaviors",
    'size(event.behaviors) == 0',
    "file.access == 'read'",
    "file.access in ['write', 'read_write']",
    "file.access != 'read'",
    'file.created',
    '!file.created',
    "'O_CREAT' in file.flags",
    "!('O_CREAT' in file.flags)",
    "file.access == 'write' || 'O_WRONLY' in file.flags || 'O_RDWR' in file.flags",
    "'O_RDONLY' in file.flags",
    "event.error == ''",
    "file.passed_path.contains('../')",
    "!file.passed_path.contains('../')",
    "file.passed_path.startsWith('./')",
    "event.error != ''",
    "event.error in ['EACCES', 'EPERM']",
    'process.uid == 0',
    'process.uid != 0',
    'network.destination.port in [22, 4444]',
    'network.destination.port > 1000',
    "network.destination.ip == '10.1.2.3'",
    "event.type == 'file_open'",
    "event.type.startsWith('file_')",
    "event.type != 'file_open'",
    "process.name == 'cat'",
    "process.name in ['bash', 'a-name-that-comm-cuts']",
    "process.name != 'bash'",
    "network.destination.ip != '127.0.0.1' && network.destination.ip != '::1'",
    "!(network.destination.ip in ['127.0.0.1', '::1', '10.1.2.3'])",
    "!network.destination.ip.matches('^(127\\\\.|::1$)')",
    "network.destination.ip == '127.0.0.1'",
  ].map((text) => celCondition(bareSource(text))),
  leaf(field('network.destination.ip'), { op: 'cidr', values: ['10.0.0.0/8', '2001:db8::/32'] }),
  leaf(field('process.name'), { op: 'equal', values: ['BASH', 'x'], ignoreCase: true }),
);

const condition: fc.Arbitrary<Condition> = fc.letrec<{ node: Condition }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    { weight: 3, arbitrary: pathLeaf },
    { weight: 2, arbitrary: otherLeaf },
    { weight: 2, arbitrary: fc.array(tie('node'), { minLength: 2, maxLength: 3 }).map(all) },
    { weight: 1, arbitrary: fc.array(tie('node'), { minLength: 2, maxLength: 3 }).map(any) },
    { weight: 1, arbitrary: tie('node').map((node) => (node.type === 'leaf' ? refute(node) : not(node))) },
  ),
})).node;

function filterOf(text: string, kind: string): KindFilter | undefined {
  const rule = ruleOf(celCondition(bareSource(text)), 0);
  return kernelFilter([{ ...rule, info: infoOf(text) }], [kind]).kinds.get(kind);
}

describe('kernel filter', () => {
  for (const folds of [false, true]) {
    it(`never drops an event that a rule could match (the kernel ${folds ? 'ignores' : 'minds'} case)`, () => {
      const seen = { matched: 0, dropped: 0 };
      fc.assert(
        fc.property(
          fc.array(condition, { minLength: 1, maxLength: 3 }),
          fc.array(event, { minLength: 10, maxLength: 10 }),
          (rules, events) => {
            const filter = kernelFilter(rules.map(ruleOf), ['file_open', 'file_rename', 'net_conn'], { folds });
            const predicates = rules.map(compilePredicate);
            for (const fields of events) {
              const passed = passes(filter.kinds.get(String(fields['event.type'])), fields, folds);
              if (!passed) seen.dropped++;
              if (!predicates.some((predicate) => predicate(eventOf(fields)))) continue;
              seen.matched++;
              expect(passed).to.equal(true);
            }
          },
        ),
        { numRuns: 1000 },
      );
      expect(seen.matched).to.be.greaterThan(1000);
      expect(seen.dropped).to.be.greaterThan(1000);
    });
  }

  it('takes whole components, beginnings and ends from literals', () => {
    const tokens = (text: string) => filterOf(text, 'file_unlink');
    expect(tokens("file.path == '/etc/shadow'")).to.deep.equal({
      pass: 'tokens',
      tokens: [{ type: 'component', text: 'shadow', sensitive: true }],
    });
    expect(tokens("file.path.startsWith('/var/spool/cron/crontabs/')")).to.deep.include({
      tokens: [{ type: 'component', text: 'crontabs', sensitive: true }],
    });
    expect(tokens("file.path.startsWith('/etc/cron')")).to.deep.include({
      tokens: [{ type: 'component_prefix', text: 'cron', sensitive: true }],
    });
    expect(tokens("file.path.endsWith('.pem')")).to.deep.include({
      tokens: [{ type: 'component_suffix', text: '.pem', sensitive: true }],
    });
    // A server reads below www at every request.
    expect(tokens("file.path.matches('^/(var/www|srv)/.*/\\\\.env$')")).to.deep.include({
      tokens: [{ type: 'component', text: '.env', sensitive: true }],
    });
    // What ends an expression ends the name; of many beginnings the ends are left.
    // A directory in the root is not any of its name; below /var a dot is more telling than what all have.
    expect(tokens("file.path.startsWith('/usr/lib/') || file.path.matches('^/lib/')")).to.deep.include({
      tokens: [
        { type: 'component_first', text: 'usr', sensitive: true },
        { type: 'component_first', text: 'lib', sensitive: true },
      ],
    });
    expect(tokens("file.path.matches('^/var/lib/(.*/)?\\\\.[^/]+$')")).to.deep.include({
      tokens: [{ type: 'component_prefix', text: '.', sensitive: true }],
    });
    expect(tokens("file.path.contains('/var/lib/')")).to.deep.include({
      tokens: [{ type: 'component', text: 'lib', sensitive: true }],
    });
    expect(tokens("file.path.matches('^/(home|lib)/.*(read|note)[a-z]*\\\\.(md|txt)$')")).to.deep.include({
      tokens: [
        { type: 'component_suffix', text: '.md', sensitive: true },
        { type: 'component_suffix', text: '.txt', sensitive: true },
      ],
    });
    expect(tokens("file.name.matches('^(id|x)$')")).to.deep.include({
      tokens: [
        { type: 'component', text: 'id', sensitive: true },
        { type: 'component', text: 'x', sensitive: true },
      ],
    });
    expect(tokens("file.path.endsWith('.so')")).to.deep.include({
      tokens: [{ type: 'component_suffix', text: '.so', sensitive: true }],
    });
    expect(tokens("file.path.endsWith('so')")).to.deep.equal({ pass: 'whole', because: "file.path.endsWith('so')" });
    expect(tokens("process.name == 'x'")).to.deep.include({
      tokens: [{ type: 'process_name', text: 'x', sensitive: true }],
    });
    expect(tokens("process.name.startsWith('x')")).to.have.property('pass', 'whole');
    expect(tokens("event.type == 'file_open' && process.name == 'x'")).to.deep.equal({ pass: 'none' });
    expect(tokens('target_port == 22')).to.deep.equal({ pass: 'none' });
  });

  it('knows connections that stay on the host, and programs by name', () => {
    const tokens = (text: string) => filterOf(text, 'net_conn');
    const remote = { pass: 'tokens', tokens: [{ type: 'remote' }] };
    expect(tokens("network.destination.ip != '127.0.0.1' && network.destination.ip != '::1'")).to.deep.equal(remote);
    expect(tokens("!network.destination.ip.matches('^(127\\\\.|::1$)') && process.uid != 0")).to.deep.equal(remote);
    expect(tokens("network.destination.ip != '127.0.0.1'")).to.have.property('pass', 'whole');
    expect(
      tokens("process.name in ['sh', 'Bash'] || network.destination.port == 22 && network.transport == 'tcp'"),
    ).to.deep.include({
      tokens: [
        { type: 'process_name', text: 'sh', sensitive: true },
        { type: 'process_name', text: 'Bash', sensitive: true },
        { type: 'port', port: 22, side: 'destination', sensitive: true },
      ],
    });
  });

  it('restricts opens to the classes that a rule is about', () => {
    const classes = (text: string) => {
      const filter = filterOf(`event.type == 'file_open' && file.path == '/etc/shadow' && ${text}`, 'file_open');
      const token = filter?.pass === 'tokens' ? filter.tokens[0] : undefined;
      return token?.type === 'component' ? token.classes : 'none';
    };
    expect(classes("file.access == 'read'")).to.deep.equal(['open_read']);
    expect(classes("file.access in ['write', 'read_write']")).to.deep.equal(['open_write']);
    expect(classes('file.created')).to.deep.equal(['open_create']);
    expect(classes("event.error != ''")).to.deep.equal(['open_failed']);
    expect(classes('file.passed_path.contains("../") && file.access == "read"')).to.deep.equal(['open_climbing']);
    expect(classes('process.uid > 0')).to.equal(undefined);
  });

  it('passes opens for writing where nothing names the file, and never all for reading unasked', () => {
    const opens = (text: string) => filterOf(`event.type == 'file_open' && ${text}`, 'file_open');
    expect(
      opens("event.error == '' && 'O_WRONLY' in file.flags && process.uid > 0 && file.directory == '/'"),
    ).to.deep.equal({
      pass: 'tokens',
      tokens: [{ type: 'opened', how: 'open_write' }],
    });
    expect(opens('file.created && file.path.contains(".")')).to.deep.equal({
      pass: 'tokens',
      tokens: [{ type: 'opened', how: 'open_create' }],
    });
    expect(opens("file.access == 'read' && file.directory == '/'")).to.have.property('pass', 'whole');
    expect(opens('file.passed_path.contains("../")')).to.deep.equal({
      pass: 'tokens',
      tokens: [{ type: 'opened', how: 'open_climbing' }],
      keepsPassed: true,
    });
  });

  it('passes process and privileged kinds whole or not at all', () => {
    expect(filterOf("process.path == '/tmp/x'", 'process_exec')).to.have.property('pass', 'whole');
    expect(filterOf("event.type == 'setuid'", 'process_exec')).to.deep.equal({ pass: 'none' });
    expect(filterOf('module.name == "x"', 'mount')).to.deep.equal({ pass: 'none' });
  });
});
