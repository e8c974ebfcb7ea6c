import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { defaultConfig } from '../../src/config/load.ts';
import { Cgroups } from '../../src/enrich/cgroups.ts';
import { Kubelet as KubeletSource } from '../../src/enrich/pods/kubelet.ts';
import { PodList } from '../../src/enrich/pods/pod-list.ts';
import { SILENT } from '../alerts/support/findings.ts';
import { Certificates } from '../http/support/certificates.ts';

const UID = '0b3c1f62-8e55-4b3c-9d0c-2a1c3fbb1a10';
const ID = 'c'.repeat(64);
const PATH = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID.replaceAll('-', '_')}.slice/cri-containerd-${ID}.scope`;

/** As the kubelet of Kubernetes 1.33 writes it, without what nobody here reads. */
const podOf = (uid: string, more: object = {}) => ({
  metadata: {
    name: 'web-7d4',
    namespace: 'shop',
    uid,
    labels: { app: 'web', 'app.kubernetes.io/part-of': 'shop', secret: 'x' },
    ...more,
  },
  spec: { nodeName: 'node-1', containers: [{ name: 'nginx' }] },
  status: {
    phase: 'Running',
    containerStatuses: [
      { name: 'nginx', image: 'registry:5000/nginx:1.27', containerID: `containerd://${ID}`, ready: true },
    ],
  },
});
const listOf = (...items: object[]) => JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });

/** A kubelet that answers nothing but what a kubelet answers: GET /pods, over TLS, with the right token. */
class Kubelet {
  token = 'first';
  body = listOf(podOf(UID));
  status = 200;
  readonly asked: string[] = [];
  readonly #server: Server;

  constructor(cert: string, key: string) {
    this.#server = createServer({ cert, key }, (request, response) => this.#answer(request, response));
  }
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
  #answer({ method, url, headers }: IncomingMessage, response: ServerResponse): void {
    this.asked.push(`${method} ${url}`);
    if (method !== 'GET' || url !== '/pods') response.writeHead(404).end();
    else if (headers.authorization === undefined) response.writeHead(401).end('Unauthorized');
    else if (headers.authorization !== `Bearer ${this.token}`) response.writeHead(403).end('Forbidden');
    else response.writeHead(this.status, { 'content-type': 'application/json' }).end(this.body);
  }
}

describe("the kubelet's list of pods", () => {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-kubelet-'));
  const tokenFile = join(directory, 'token');
  let kubelet: Kubelet;
  let url = '';
  let logged: object[] = [];
  const open: PodList[] = [];
  const list = async (more: object = {}) => {
    const log = Object.assign(Object.create(SILENT), { error: (entry: object) => logged.push(entry) });
    const options = { kubelet_url: url, token_file: tokenFile, ca_file: join(directory, 'ca.crt') };
    const names = { pod_labels: ['app', 'app.kubernetes.io/part-of', '__proto__'] };
    const source = new KubeletSource({ ...defaultConfig().kubernetes, ...options, ...names, ...more });
    const pods = new PodList(source, 60, log);
    open.push(pods);
    await pods.refresh();
    return pods;
  };

  before(() => new Certificates(directory).issue('kubelet', 'IP:127.0.0.1'));
  beforeEach(async () => {
    logged = [];
    writeFileSync(tokenFile, 'first\n');
    kubelet = new Kubelet(
      readFileSync(join(directory, 'kubelet.crt'), 'utf8'),
      readFileSync(join(directory, 'kubelet.key'), 'utf8'),
    );
    url = await kubelet.listen();
  });
  afterEach(async () => {
    for (const pods of open.splice(0)) await pods.close();
    kubelet.close();
  });
  after(() => rmSync(directory, { recursive: true }));

  it('gives the chosen labels, and names and image where no engine tells', async () => {
    const pods = await list();
    const cgroups = new Cgroups({ pods: (uid, id) => pods.detailsOf(uid, id) });
    expect(cgroups.learn(1, PATH).details).to.deep.equal({
      podName: 'web-7d4',
      podNamespace: 'shop',
      podLabels: { app: 'web', 'app.kubernetes.io/part-of': 'shop' },
      name: 'nginx',
      image: 'registry:5000/nginx',
      imageTag: '1.27',
    });
    // A container that the list does not have yet is of that pod all the same.
    expect(pods.detailsOf(UID, 'd'.repeat(64))).to.deep.equal({
      podName: 'web-7d4',
      podNamespace: 'shop',
      podLabels: { app: 'web', 'app.kubernetes.io/part-of': 'shop' },
    });
    expect(pods.counts).to.deep.equal({ pods: 1, lists: 1, failures: 0, left_out: 0 });
  });

  it('is asked once for many questions, and again for an unknown pod only after a while', async () => {
    const pods = await list();
    for (let index = 0; index < 1000; index++) {
      pods.detailsOf(UID, ID);
      pods.detailsOf(`unknown-${index}`, ID);
    }
    await Promise.all([pods.refresh(), pods.refresh(), pods.refresh()]);
    expect(kubelet.asked).to.deep.equal(['GET /pods', 'GET /pods']);
  });

  it('is asked with the token that the file has now', async () => {
    const pods = await list();
    kubelet.token = 'second';
    await pods.refresh();
    await pods.refresh();
    // Once in the log, though it failed twice; the old list stays.
    expect(logged).to.deep.equal([{ reason: 'the kubelet answered 403', url }]);
    expect(pods.counts).to.include({ failures: 2, pods: 1 });
    writeFileSync(tokenFile, 'second');
    await pods.refresh();
    expect(pods.counts).to.include({ failures: 2, lists: 2 });
  });

  it('is not believed when its certificate is of nobody we know, unless that is said', async () => {
    const strangers = await list({ ca_file: '' });
    expect(strangers.counts).to.include({ lists: 0, failures: 1 });
    expect(kubelet.asked).to.deep.equal([]);
    expect((await list({ ca_file: '', verify: false })).counts).to.include({ lists: 1, failures: 0 });
  });

  for (const [what, body, reason] of [
    ['no JSON', '<html>', /JSON/],
    ['something else', '{"kind":"Status"}', /no list of pods/],
    ['too much', ' '.repeat((32 << 20) + 1), /longer than/],
  ] as const)
    it(`that is ${what} changes nothing`, async () => {
      const pods = await list();
      kubelet.body = body;
      await pods.refresh();
      expect(pods.detailsOf(UID, ID)?.podName).to.equal('web-7d4');
      expect((logged[0] as { reason: string }).reason).to.match(reason);
    });

  it('is bounded, whatever it has', async () => {
    const strange = [
      null,
      7,
      {},
      { metadata: { uid: 9 } },
      { metadata: { uid: 'x', labels: [] }, status: { containerStatuses: [null, { containerID: 5 }] } },
    ];
    const long = podOf('long', { labels: { app: 'a'.repeat(9999) } });
    kubelet.body = listOf(
      ...(strange as object[]),
      long,
      ...Array.from({ length: 3000 }, (_, index) => podOf(`p${index}`)),
    );
    const pods = await list();
    expect(pods.counts).to.include({ pods: 2000, left_out: 1002 });
    expect(pods.detailsOf('long', '')?.podLabels?.app).to.have.lengthOf(256);
    expect(pods.detailsOf('x', '')).to.deep.equal({});
  });
});
