/** The example's configuration under the distribution's own rsyslog, before a server that answers as OpenSearch does. */
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { toEcs } from '../../src/alerts/formats/ecs.ts';
import { alertsOf, execEvent, findingOf } from '../alerts/support/findings.ts';
import { eventually, freePort } from '../e2e/support/daemon.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/elasticsearch/rsyslog.conf');
const WAIT_MS = 60_000;

/** `_bulk` and nothing else: pairs of an action and a document, each on its line. */
class Search {
  readonly documents = new Map<string, Record<string, unknown>>();
  readonly faults: string[] = [];
  readonly #server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      if (request.method !== 'POST') return response.end('{"version":{"number":"2.17.0","distribution":"opensearch"}}');
      return response.end(
        JSON.stringify({ took: 1, errors: false, items: this.#take(Buffer.concat(parts).toString()) }),
      );
    });
  });

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }
  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #take(body: string): object[] {
    if (!body.endsWith('\n')) this.faults.push('the last line does not end');
    const lines = body.split('\n').slice(0, -1);
    if (lines.length % 2 !== 0) this.faults.push('an action without a document');
    return Array.from({ length: lines.length >> 1 }, (_, index) => {
      const { index: action } = JSON.parse(lines[2 * index] ?? '') as { index: { _index: string; _id: string } };
      if (action._index !== 'bpfwarden-alerts') this.faults.push(`index ${action._index}`);
      this.documents.set(action._id, JSON.parse(lines[2 * index + 1] ?? '') as Record<string, unknown>);
      return { index: { _id: action._id, status: 201 } };
    });
  }
}

describe('examples: rsyslog to OpenSearch', function () {
  this.timeout(180_000);

  it('delivers each alert once under its id, also the long ones, after a server that was away and over a rotation', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-rsyslog-'));
    const file = join(directory, 'alerts.ecs.ndjson');
    const port = await freePort();
    mkdirSync(join(directory, 'work'));
    const configuration = readFileSync(EXAMPLE, 'utf8')
      .replace('global(', `global(workDirectory="${join(directory, 'work')}" `)
      .replace('/var/log/bpfwarden/alerts.ecs.ndjson', file)
      .replace('serverport="9200"', `serverport="${port}"`)
      .replace('action.resumeInterval="5"', 'action.resumeInterval="1"');
    writeFileSync(join(directory, 'rsyslog.conf'), configuration);
    const made = Array.from({ length: 30 }, (_, index) =>
      alertsOf(findingOf(execEvent({ pid: 100 + index, args: ['/tmp/x', 'y'.repeat(index * 1_000)] })), {
        hostName: 'h',
      }),
    ).flat();
    const documents = made.map((alert) => toEcs(alert) as { event: { id: string } });
    const lines = documents.map((document) => `${JSON.stringify(document)}\n`);
    writeFileSync(file, lines.slice(0, 15).join(''));
    const pidFile = join(directory, 'pid');
    const daemon = spawn('rsyslogd', ['-n', '-i', pidFile, '-f', join(directory, 'rsyslog.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    let log = '';
    daemon.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
    const ended = new Promise((resolve) => daemon.once('close', resolve));
    const search = new Search();
    try {
      // It tries, and nobody is there.
      await eventually('rsyslog runs', () => existsSync(pidFile) || undefined, WAIT_MS);
      await search.listen(port);
      await eventually('the first half is there', () => search.documents.size === 15 || undefined, WAIT_MS);
      renameSync(file, `${file}.1`);
      appendFileSync(file, lines.slice(15).join(''));
      await eventually('all are there', () => search.documents.size === 30 || undefined, WAIT_MS);
    } catch (error) {
      throw new Error(`${String(error)}\n${search.documents.size} documents\n${log}`);
    } finally {
      daemon.kill();
      await ended;
      search.close();
      rmSync(directory, { recursive: true, force: true });
    }
    expect(search.faults).to.deep.equal([]);
    for (const document of documents) expect(search.documents.get(document.event.id)).to.deep.equal(document);
  });
});
