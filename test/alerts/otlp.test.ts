import { expect } from 'chai';
import type { Sink } from '../../src/alerts/sinks/types.ts';
import { type Received, type Receiver, startReceiver } from './support/receiver.ts';
import { failureOf, makeSink, spooled, UNABORTED } from './support/sinks.ts';

type Json = Record<string, unknown>;

/**
 * What a strict receiver of OTLP/HTTP in JSON demands: lowerCamelCase names of
 * the protocol only, 64-bit numbers as text, one value per attribute.
 */
function checkExport({ method, url, headers, body }: Received): Json[] {
  expect(method).to.equal('POST');
  expect(url).to.equal('/v1/logs');
  expect(headers['content-type']).to.equal('application/json');
  const request = JSON.parse(body) as {
    resourceLogs: { resource: Json; scopeLogs: { scope: Json; logRecords: Json[] }[] }[];
  };
  expect(Object.keys(request)).to.deep.equal(['resourceLogs']);
  return request.resourceLogs.flatMap(({ resource, scopeLogs }) => {
    checkAttributes(resource.attributes);
    return scopeLogs.flatMap(({ scope, logRecords }) => {
      expect(scope).to.deep.equal({ name: 'bpfwarden', version: '0.0.0' });
      for (const record of logRecords) {
        expect(Object.keys(record)).to.have.members([
          'timeUnixNano',
          'observedTimeUnixNano',
          'severityNumber',
          'severityText',
          'eventName',
          'body',
          'attributes',
        ]);
        for (const name of ['timeUnixNano', 'observedTimeUnixNano']) expect(record[name]).to.match(/^\d{19}$/);
        expect(record.severityNumber).to.be.within(1, 24);
        checkAttributes(record.attributes);
      }
      return logRecords;
    });
  });
}

function checkAttributes(attributes: unknown): void {
  const list = attributes as { key: string; value: Json }[];
  expect(new Set(list.map(({ key }) => key)).size, 'keys are unique').to.equal(list.length);
  for (const { value } of list) checkValue(value);
}

function checkValue(value: Json): void {
  const [[kind, content] = ['', undefined], ...more] = Object.entries(value);
  expect(more).to.have.length(0);
  if (kind === 'stringValue') expect(content).to.be.a('string');
  else if (kind === 'intValue') expect(content).to.match(/^-?\d+$/);
  else if (kind === 'doubleValue') expect(content).to.be.a('number');
  else if (kind === 'boolValue') expect(content).to.be.a('boolean');
  else if (kind === 'arrayValue') for (const entry of (content as { values: Json[] }).values) checkValue(entry);
  else throw new Error(`no such value: ${kind}`);
}

const attribute = (record: Json | undefined, key: string) =>
  ((record?.attributes ?? []) as { key: string; value: Json }[]).find((entry) => entry.key === key)?.value;

describe('the OTLP sink', () => {
  let receiver: Receiver;
  let sink: Sink;
  beforeEach(async () => {
    receiver = await startReceiver();
    sink = makeSink({ type: 'otlp', url: `${receiver.url}/` });
  });
  afterEach(async () => {
    await sink.close();
    await receiver.close();
  });
  const answer = (status: number, body: string, headers = {}) => {
    receiver.behaviour = () => (_, response) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };

  it('sends alerts as log records, in one request', async () => {
    answer(200, '{"partialSuccess":{}}');
    const critical = spooled('2', { severity: 'critical', riskScore: 1 });
    expect(await sink.deliver([spooled('1'), critical], UNABORTED)).to.deep.equal({ rejected: 0 });
    const records = receiver.received.flatMap(checkExport);
    expect(records).to.have.length(2);
    const [first, second] = records;
    expect(first).to.deep.include({
      timeUnixNano: '1800000000250000000',
      observedTimeUnixNano: '1800000000500000000',
      severityNumber: 13,
      severityText: 'WARN',
      eventName: 'bpfwarden.alert',
    });
    expect(attribute(first, 'alert_id')).to.deep.equal({ stringValue: '1' });
    expect(attribute(first, 'rule.name')).to.deep.equal({ stringValue: 'suspicious_temp_execution' });
    expect(attribute(first, 'process.executable.path')).to.deep.equal({ stringValue: '/tmp/x' });
    expect(attribute(first, 'process.pid')).to.deep.equal({ intValue: '1234' });
    expect(attribute(first, 'risk_score')).to.deep.equal({ doubleValue: 0.7 });
    expect(second?.severityNumber).to.equal(21);
  });

  it('counts what a partial success leaves out, and does not send it again', async () => {
    answer(200, '{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}');
    expect(await sink.deliver([spooled('1'), spooled('2')], UNABORTED)).to.deep.equal({ rejected: 1 });
    answer(200, 'not JSON');
    expect(await sink.deliver([spooled('3')], UNABORTED)).to.deep.equal({ rejected: 0 });
  });

  it('comes back when asked to, and not when the request itself is wrong', async () => {
    for (const status of [429, 503]) {
      answer(status, '', { 'retry-after': '2' });
      const failure = await failureOf(sink.deliver([spooled()], UNABORTED));
      expect([failure.permanent, failure.retryAfterMs]).to.deep.equal([false, 2000]);
    }
    for (const [status, permanent] of [
      [400, true],
      [415, true],
      [401, false],
      [404, false],
      [500, false],
    ] as const) {
      answer(status, '');
      expect((await failureOf(sink.deliver([spooled()], UNABORTED))).permanent, `${status}`).to.equal(permanent);
    }
  });
});
