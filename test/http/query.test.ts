import { expect } from 'chai';
import { parseAddress } from '../../src/http/address.ts';
import { alertFilter, alertQuery, eventQuery, noQuery, ParameterError } from '../../src/http/query.ts';

describe('listen addresses', () => {
  for (const [text, host, port] of [
    ['127.0.0.1:9477', '127.0.0.1', 9477],
    [':9477', undefined, 9477],
    ['[::1]:9477', '::1', 9477],
    ['[192.0.2.1]:9477', '192.0.2.1', 9477],
    ['localhost:0', 'localhost', 0],
    ['host.example:65535', 'host.example', 65535],
  ] as const)
    it(`reads ${text}`, () => expect(parseAddress(text)).to.deep.equal({ host, port }));

  for (const text of ['', '9477', 'host', 'host:', '::1:9477', '[host]:1', '[::1]', 'a:70000', 'a:1x', 'http://a:1'])
    it(`refuses "${text}" and says what is expected`, () =>
      expect(() => parseAddress(text)).to.throw(/expected host:port, :port or \[IPv6\]:port/));
});

describe('query parameters', () => {
  it('are read into the form that the stores take', () => {
    expect(alertQuery('')).to.deep.equal({ limit: 100 });
    expect(
      alertQuery('limit=5&severity=critical&rule=a%20b&event=net_conn&since=10&until=2026-01-01T00:00:00Z'),
    ).to.deep.equal({
      limit: 5,
      severity: 'critical',
      rule: 'a b',
      event: 'net_conn',
      since: 10,
      until: 1767225600,
    });
    expect(eventQuery('pid=42&since=1.5')).to.deep.equal({ limit: 100, pid: 42, since: 1.5 });
    expect(alertFilter('severity=info')).to.deep.equal({ severity: 'info' });
  });

  const refusals: [string, (query: string) => unknown, string, string, RegExp][] = [
    ['a limit of 0', alertQuery, 'limit=0', 'limit', /1 to 1000/],
    ['a limit that is too large', eventQuery, 'limit=1001', 'limit', /1 to 1000/],
    ['a negative limit', eventQuery, 'limit=-1', 'limit', /1 to 1000/],
    ['no number', eventQuery, 'pid=1e3', 'pid', /whole number/],
    ['an unknown severity', alertQuery, 'severity=high', 'severity', /info, warning, critical/],
    ['an unknown kind', alertQuery, 'event=net_con', 'event', /did you mean net_conn/],
    ['a time that is none', alertQuery, 'since=yesterday', 'since', /RFC 3339/],
    ['times in the wrong order', alertQuery, 'since=2&until=1', 'since', /since before until/],
    ['a parameter twice', alertQuery, 'limit=1&limit=2', 'limit', /once/],
    ['a misspelt name', alertQuery, 'limt=1', 'limt', /did you mean limit/],
    ['a name of an object', alertQuery, '__proto__=1', '__proto__', /known here/],
    ['an empty text', alertQuery, 'rule=', 'rule', /characters/],
    ['a page of a stream', alertFilter, 'limit=1', 'limit', /known here/],
    ['anything where nothing is taken', noQuery, 'a=1', 'a', /none/],
  ];
  for (const [what, parse, query, parameter, remedy] of refusals)
    it(`refuses ${what}`, () => {
      try {
        parse(query);
      } catch (error) {
        if (!(error instanceof ParameterError)) throw error;
        expect(error.parameter).to.equal(parameter);
        expect(error.remedy).to.match(remedy);
        return;
      }
      expect.fail('it was accepted');
    });
});
