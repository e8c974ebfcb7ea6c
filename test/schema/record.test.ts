import { expect } from 'chai';
import fc from 'fast-check';
import type { FieldValue } from '../../src/schema/event.ts';
import { FIELD_NAMES, type FieldName, fieldId } from '../../src/schema/fields.ts';
import { id, recordFromJson, recordFromValues } from '../../src/schema/record.ts';
import { simpleEvent } from '../../src/schema/simple.ts';

const value = (json: unknown, field: FieldName): FieldValue => recordFromJson(json, '1').value(id(field));

const WHOLE = {
  timestamp: 1764000000.25,
  event: { type: 'process_exec', id: 'abc', error: '' },
  process: {
    pid: 10,
    ppid: 9,
    name: 'sh',
    path: '/bin/dash',
    args: ['sh', '-c', 'id'],
    command_line: 'sh -c id',
    uid: 0,
    env: { LD_PRELOAD: '/tmp/x.so' },
    parent: { pid: 9, name: 'cron' },
    ancestors: [{ pid: 9, name: 'cron', path: '/usr/sbin/cron' }],
  },
  user: { name: 'root' },
  network: { destination: { ip: '8.8.8.8', port: 443 } },
  container: { id: 'c0ffee' },
};

describe('recorded events', () => {
  it('reads and writes the nested form without a loss', () => {
    const record = recordFromJson(WHOLE, '1');
    expect(record.kind).to.equal('process_exec');
    expect(record.id).to.equal('abc');
    expect(record.timestamp).to.equal(1764000000.25);
    expect(JSON.parse(JSON.stringify(record))).to.deep.equal(WHOLE);
  });

  it('reads dotted keys, aliases and mixtures alike', () => {
    const dotted = {
      'event.type': 'net_conn',
      process: { 'parent.name': 'a', executable: '/usr/bin/b' },
      'network.destination': { port: 5 },
    };
    expect(value(dotted, 'process.parent.name')).to.equal('a');
    expect(value(dotted, 'process.path')).to.equal('/usr/bin/b');
    expect(value(dotted, 'network.destination.port')).to.equal(5);
    expect(value({ process: { executable: '/a', path: '/b' } }, 'process.path')).to.equal('/b');
    expect(value({ process: { path: '/b', executable: '/a' } }, 'process.path')).to.equal('/b');
  });

  it('reads a simple event and writes it again', () => {
    const simple = {
      event_type: 'net_conn',
      pid: 1234,
      process: 'curl',
      target_ip: '8.8.8.8',
      target_port: 443,
      timestamp: 172847183,
    };
    const record = recordFromJson(simple, '7');
    expect(record.id).to.equal('7');
    expect(record.value(id('process.name'))).to.equal('curl');
    expect(record.value(id('process.path'))).to.equal(undefined);
    expect(simpleEvent(record)).to.deep.equal(simple);
    expect(Object.keys(simpleEvent(record))).to.deep.equal(Object.keys(simple));
  });

  it('keeps what is absent absent', () => {
    const record = recordFromJson({ event: { type: 'file_open' }, process: { pid: null, args: undefined } }, '3');
    const present = Object.keys(record.toJSON());
    expect(present).to.deep.equal(['event']);
    expect(record.value(id('event.error'))).to.equal(undefined);
    expect(record.value(id('process.command_line'))).to.equal(undefined);
  });

  it('derives what follows and never the arguments', () => {
    const event = {
      file: { path: '/etc/cron.d/x.tar.gz' },
      process: { path: '/usr/bin/python3.11', args: ['python3', '-c', 'x y'], parent: { pid: 4 } },
    };
    expect(value(event, 'file.name')).to.equal('x.tar.gz');
    expect(value(event, 'file.directory')).to.equal('/etc/cron.d');
    expect(value(event, 'file.extension')).to.equal('gz');
    expect(value(event, 'process.name')).to.equal('python3.11');
    expect(value(event, 'process.command_line')).to.equal('python3 -c x y');
    expect(value(event, 'process.ppid')).to.equal(4);
    expect(value({ process: { command_line: 'a b' } }, 'process.args')).to.equal(undefined);
  });

  it('brings numbers, lists and maps to the type of the field', () => {
    expect(value({ process: { uid: '0' } }, 'process.uid')).to.equal(0);
    expect(value({ process: { pid: '0x10' } }, 'process.pid')).to.equal(16);
    expect(value({ file: { flags: 'O_CREAT|O_WRONLY' } }, 'file.flags')).to.deep.equal(['O_CREAT', 'O_WRONLY']);
    expect(value({ process: { env: ['A=b=c'] } }, 'process.env')).to.deep.equal({ A: 'b=c' });
    expect(value({ file: { mode: 644 } }, 'file.mode')).to.equal('644');
    expect(value({ timestamp: '2025-11-24T00:00:00.500Z' }, 'event.timestamp')).to.equal(1763942400.5);
  });

  it('names values that do not fit and leaves them out', () => {
    const problems: string[] = [];
    const record = recordFromJson({ process: { pid: 'abc', uid: 1.5, name: ['x'] } }, '1', problems);
    expect(problems).to.deep.equal([
      'process.pid is not a int',
      'process.uid is not a int',
      'process.name is not a string',
    ]);
    expect(record.value(id('process.pid'))).to.equal(undefined);
  });

  it('keeps a given id, also a number, in the JSON', () => {
    expect(recordFromJson({ id: 5 }, '1').toJSON()).to.deep.equal({ event: { id: 5 } });
    expect(recordFromJson({ event: { id: 5 } }, '1').id).to.equal('5');
    expect(recordFromJson({}, '12').toJSON()).to.deep.equal({ event: { id: '12' } });
  });

  it('survives any JSON and does not touch prototypes', () => {
    fc.assert(
      fc.property(
        fc.object({
          key: fc.oneof(
            fc.string(),
            fc.constantFrom('process', 'event', '__proto__', 'env', 'constructor', 'ancestors', 'pid'),
          ),
        }),
        (json) => {
          const once = JSON.parse(JSON.stringify(recordFromJson(json, '1')));
          expect(JSON.parse(JSON.stringify(recordFromJson(once, '1')))).to.deep.equal(once);
        },
      ),
    );
    recordFromJson(JSON.parse('{"__proto__":{"polluted":1},"process":{"env":{"__proto__":"x"}}}'), '1');
    expect(({} as { polluted?: number }).polluted).to.equal(undefined);
    expect(fieldId('process.name')).to.be.a('number');
    expect(() => recordFromJson([1], '1')).to.throw(TypeError);
  });

  it('have each field that was there and no other, whichever those are', () => {
    const some = fc.array(fc.option(fc.oneof(fc.string(), fc.integer(), fc.boolean()), { nil: undefined }), {
      minLength: FIELD_NAMES.length,
      maxLength: FIELD_NAMES.length,
    });
    fc.assert(
      fc.property(some, (values) => {
        const event = recordFromValues(values, 5);
        expect(FIELD_NAMES.map((_, field) => event.value(field))).to.deep.equal(values);
        expect(event.ktime).to.equal(5);
      }),
      // More sets of fields than are remembered.
      { numRuns: 600 },
    );
  });
});
