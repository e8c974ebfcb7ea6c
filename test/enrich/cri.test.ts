import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { defaultConfig } from '../../src/config/load.ts';
import { Cgroups } from '../../src/enrich/cgroups.ts';
import { Cri } from '../../src/enrich/pods/cri.ts';
import { PodList } from '../../src/enrich/pods/pod-list.ts';
import { Pods } from '../../src/enrich/pods/pods.ts';
import { SILENT } from '../alerts/support/findings.ts';
import { encoded, type Message, mapOf } from './support/protobuf.ts';

const UID = '0b3c1f62-8e55-4b3c-9d0c-2a1c3fbb1a10';
const [SANDBOX, ID, DIGEST] = ['a'.repeat(64), 'c'.repeat(64), `sha256:${'d'.repeat(64)}`];
const PATH = `/kubepods.slice/kubepods-pod${UID.replaceAll('-', '_')}.slice/cri-containerd-${ID}.scope`;

/** With fields that nobody here reads, as containerd gives them. */
const sandbox = (uid = UID, id = SANDBOX, labels: Record<string, string> = { app: 'web', secret: 'x' }): Message => ({
  1: id,
  2: { 1: 'web-7d4', 2: uid, 3: 'shop', 4: 1 },
  3: 1,
  4: 1_700_000_000_000_000_000,
  5: mapOf({ 'io.kubernetes.pod.uid': uid, ...labels }),
  6: mapOf({ 'kubernetes.io/config.seen': '2026' }),
  7: 'runc',
});
const container = (id = ID, image: Message = { 1: DIGEST, 18: 'registry:5000/nginx:1.27' }): Message => ({
  1: id,
  2: SANDBOX,
  3: { 1: 'nginx', 2: 3 },
  4: image,
  5: DIGEST,
  6: 1,
  7: 1_700_000_000_000_000_000,
  8: mapOf({ 'io.kubernetes.container.name': 'nginx' }),
});

/** An engine that answers nothing but what one answers: the two lists, in gRPC. */
class Engine {
  sandboxes: Message[] = [sandbox()];
  containers: Message[] = [container()];
  /** Does something else than answering well. */
  instead: ((stream: ServerHttp2Stream) => void) | undefined;
  readonly asked: string[] = [];
  readonly #server: Http2Server = createServer();

  async listen(path: string): Promise<void> {
    this.#server.on('stream', (stream, headers) => {
      const parts: Buffer[] = [];
      stream.on('error', () => undefined);
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => this.#answer(stream, headers, Buffer.concat(parts)));
    });
    await new Promise<void>((resolve) => this.#server.listen(path, resolve));
  }

  close(): void {
    this.#server.close();
  }

  #answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: Buffer): void {
    const method = headers[':path'] ?? '';
    this.asked.push(method);
    const isCall = headers[':method'] === 'POST' && headers['content-type'] === 'application/grpc';
    const hasTime = /^\d{1,8}[HMSmun]$/.test(String(headers['grpc-timeout']));
    if (this.instead !== undefined) this.instead(stream);
    else if (!isCall || headers.te !== 'trailers') stream.respond({ ':status': 415 }, { endStream: true });
    // No filter: an empty message, uncompressed.
    else if (!hasTime || !body.equals(Buffer.alloc(5))) refuse(stream, 3, 'malformed');
    else if (method === '/runtime.v1.RuntimeService/ListPodSandbox') answer(stream, { 1: this.sandboxes });
    else if (method === '/runtime.v1.RuntimeService/ListContainers') answer(stream, { 1: this.containers });
    else refuse(stream, 12, `unknown method ${method}`);
  }
}

const HEADERS = { ':status': 200, 'content-type': 'application/grpc' };
/** Headers alone, as Go's server does it. */
const refuse = (stream: ServerHttp2Stream, status: number, message: string) =>
  stream.respond({ ...HEADERS, 'grpc-status': String(status), 'grpc-message': message }, { endStream: true });

function answer(
  stream: ServerHttp2Stream,
  message: Message,
  { cut = 0, flag = 0, status = '0' as string | null } = {},
) {
  const body = encoded(message);
  const frame = Buffer.alloc(5 + body.length);
  frame[0] = flag;
  frame.writeUInt32BE(body.length, 1);
  frame.set(body, 5);
  stream.respond(HEADERS, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(status === null ? {} : { 'grpc-status': status }));
  // In two parts: an answer need not come at once.
  stream.write(frame.subarray(0, 7));
  stream.end(frame.subarray(7, frame.length - cut));
}

describe("the container engine's list of pods, by CRI", () => {
  const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-cri-'));
  let engine: Engine;
  let socket = '';
  let sockets = 0;
  let logged: { reason?: string }[] = [];
  const open: (PodList | Pods)[] = [];
  const log = Object.assign(Object.create(SILENT), { error: (entry: object) => logged.push(entry) });
  const list = async (path = socket) => {
    const pods = new PodList(new Cri(path, ['app', 'app.kubernetes.io/part-of', '__proto__']), 60, log);
    open.push(pods);
    await pods.refresh();
    return pods;
  };

  beforeEach(async () => {
    logged = [];
    engine = new Engine();
    socket = join(directory, `${++sockets}.sock`);
    await engine.listen(socket);
  });
  afterEach(async () => {
    for (const pods of open.splice(0)) await pods.close();
    engine.close();
  });
  after(() => rmSync(directory, { recursive: true }));

  it('gives the chosen labels, and names and image where no file tells', async () => {
    const pods = await list();
    const cgroups = new Cgroups({ pods: (uid, id) => pods.detailsOf(uid, id) });
    const pod = { podName: 'web-7d4', podNamespace: 'shop', podLabels: { app: 'web' } };
    expect(cgroups.learn(1, PATH).details).to.deep.equal({
      ...pod,
      name: 'nginx',
      image: 'registry:5000/nginx',
      imageTag: '1.27',
      imageId: DIGEST.slice('sha256:'.length),
    });
    expect(pods.detailsOf(UID, SANDBOX)).to.deep.equal(pod);
    expect(engine.asked).to.deep.equal(
      ['ListContainers', 'ListPodSandbox'].map((method) => `/runtime.v1.RuntimeService/${method}`),
    );
    expect(pods.counts).to.deep.equal({ pods: 1, lists: 1, failures: 0, left_out: 0 });
  });

  it('names the image by what the pod asked for, else by what the engine has', async () => {
    engine.containers = [container(ID, { 1: 'quay.io/app:2' }), container('b'.repeat(64), { 1: DIGEST })];
    const pods = await list();
    expect(pods.detailsOf(UID, ID)).to.include({ image: 'quay.io/app', imageTag: '2' });
    expect(pods.detailsOf(UID, 'b'.repeat(64))).not.to.have.property('image');
  });

  it('is asked by the configuration, beside the kubelet, and counted by name', async () => {
    const options = {
      ...defaultConfig().kubernetes,
      cri_socket: socket,
      kubelet_url: 'http://127.0.0.1:1',
      token_file: '',
    };
    const pods = await Pods.open({ ...options, pod_labels: ['app'] }, log);
    open.push(pods);
    while ((pods.counts.cri?.lists ?? 0) + (pods.counts.cri?.failures ?? 0) < 1 || pods.counts.kubelet?.failures !== 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(pods.detailsOf(UID, ID)).to.include({ podName: 'web-7d4', name: 'nginx' });
    expect(pods.counts).to.have.all.keys('cri', 'kubelet');
    expect((await Pods.open(defaultConfig().kubernetes, log)).counts).to.deep.equal({});
  });

  const failures: readonly [string, (stream: ServerHttp2Stream) => void, RegExp][] = [
    ['refuses', (stream) => refuse(stream, 7, 'not%20for you'), /gRPC status 7: not for you/],
    ['speaks HTTP only', (stream) => stream.respond({ ':status': 404 }, { endStream: true }), /HTTP 404/],
    ['ends without a status', (stream) => answer(stream, {}, { status: null }), /without a status/],
    ['cuts its answer off', (stream) => answer(stream, { 1: [container()] }, { cut: 3 }), /cut off/],
    ['compresses', (stream) => answer(stream, {}, { flag: 1 }), /compressed/],
    ['sends what is no message', (stream) => answer(stream, { 1: '\u0007' }), /./],
    ['hangs up', (stream) => stream.session?.destroy(), /./],
    ['resets the call', (stream) => stream.close(2), /./],
    ['never stops', (stream) => flood(stream), /longer than/],
  ];
  for (const [what, instead, reason] of failures)
    it(`that ${what} changes nothing`, async () => {
      const pods = await list();
      engine.instead = instead;
      await pods.refresh();
      await pods.refresh();
      expect(pods.detailsOf(UID, ID)).to.include({ podName: 'web-7d4' });
      expect(pods.counts).to.include({ failures: 2, lists: 1 });
      // Once in the log, though it failed twice.
      expect(logged).to.have.lengthOf(1);
      expect(logged[0]?.reason).to.match(reason);
      engine.instead = undefined;
      await pods.refresh();
      expect(pods.counts).to.include({ lists: 2 });
    });

  it('that is not there is told once, and found when it comes', async () => {
    const late = join(directory, 'late.sock');
    const pods = await list(late);
    expect(pods.counts).to.include({ failures: 1, lists: 0 });
    expect(logged[0]?.reason).to.match(/ENOENT/);
    const other = new Engine();
    await other.listen(late);
    await pods.refresh();
    other.close();
    expect(pods.counts).to.include({ lists: 1, pods: 1 });
  });

  it('is bounded, whatever it has', async () => {
    const many = Array.from({ length: 3_000 }, (_, index) => sandbox(`p${index}`, `s${index}`));
    engine.sandboxes = [{}, { 1: 'x' }, { 2: {} }, sandbox('long', 'l', { app: 'a'.repeat(9999) }), ...many];
    const pods = await list();
    expect(pods.counts).to.include({ pods: 2_000, left_out: 1_001 });
    expect(pods.detailsOf('long', '')?.podLabels?.app).to.have.lengthOf(256);
  });
});

function flood(stream: ServerHttp2Stream): void {
  stream.respond(HEADERS);
  const part = Buffer.alloc(1 << 20);
  const write = () => {
    while (!stream.destroyed && stream.write(part));
  };
  stream.on('drain', write);
  write();
}
