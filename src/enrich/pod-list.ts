/**
 * What the kubelet of this node says about its pods: chosen labels, and names
 * and images where the container engine's own files do not tell. One list for
 * the node, asked for now and then and when an unknown pod is seen; what is not
 * known yet is absent, and nothing waits for it.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import type { Config } from '../config/options.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { ContainerDetails } from '../schema/context.ts';
import { imageOf } from './engine-state.ts';

/** A node has 110 pods by default, 500 at most; their list is 10 KB a pod. */
const MAX_PODS = 2_000;
const MAX_BYTES = 32 << 20;
const MAX_LABEL_LENGTH = 256;
const TIMEOUT_MS = 10_000;
/** Pods that start make unknown ones by the dozen: one list answers for all. */
const UNKNOWN_MS = 5_000;

interface Pod {
  readonly facts: ContainerDetails;
  /** By container id. */
  readonly containers: ReadonlyMap<string, ContainerDetails>;
}

export interface PodCounts {
  pods: number;
  /** Lists received. */
  lists: number;
  failures: number;
  /** Pods of a list beyond the limit. */
  left_out: number;
}

export class PodList {
  readonly counts: PodCounts = { pods: 0, lists: 0, failures: 0, left_out: 0 };
  readonly #options: Config['kubernetes'];
  readonly #log: Logger;
  readonly #agent: Agent;
  readonly #timer: NodeJS.Timeout;
  #pods = new Map<string, Pod>();
  #asked = 0;
  #asking: Promise<void> | undefined;
  #failing = false;

  constructor(options: Config['kubernetes'], log: Logger) {
    this.#options = options;
    this.#log = log;
    const { ca_file, verify } = options;
    this.#agent = new Agent({
      connections: 1,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      connect: {
        timeout: TIMEOUT_MS,
        rejectUnauthorized: verify,
        ...(ca_file === '' ? {} : { ca: readFileSync(ca_file) }),
      },
    });
    this.#timer = setInterval(() => void this.refresh(), options.refresh_seconds * 1000);
    this.#timer.unref();
    void this.refresh();
  }

  /** What is known about a container of a pod. An unknown pod has the list asked for again soon. */
  detailsOf(podUid: string, containerId: string): ContainerDetails | undefined {
    const pod = this.#pods.get(podUid);
    if (pod === undefined) {
      if (Date.now() - this.#asked >= UNKNOWN_MS) void this.refresh();
      return undefined;
    }
    return pod.containers.get(containerId) ?? pod.facts;
  }

  /** Asks now; never throws. A failure keeps the old list, is counted, and is logged once until it is over. */
  refresh(): Promise<void> {
    this.#asking ??= this.#ask()
      .then(
        () => this.#succeeded(),
        (error: unknown) => this.#failed(error),
      )
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#agent.destroy();
  }

  async #ask(): Promise<void> {
    this.#asked = Date.now();
    const { kubelet_url, token_file } = this.#options;
    // Read each time: the kubelet renews it.
    const token = token_file === '' ? undefined : readFileSync(token_file, 'utf8').trim();
    const { statusCode, body } = await request(new URL('/pods', kubelet_url), {
      dispatcher: this.#agent,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    });
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of body as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > MAX_BYTES) throw new Error(`the list is longer than ${MAX_BYTES} bytes`);
      if (statusCode === 200) parts.push(part);
    }
    if (statusCode !== 200) throw new Error(`the kubelet answered ${statusCode}`);
    const { items } = objectOf(JSON.parse(Buffer.concat(parts).toString('utf8')));
    if (!Array.isArray(items)) throw new Error('the answer is no list of pods');
    const pods = items.slice(0, MAX_PODS).flatMap((item) => podOf(objectOf(item), this.#options.pod_labels));
    this.counts.left_out += Math.max(0, items.length - MAX_PODS);
    this.#pods = new Map(pods);
  }

  #succeeded(): void {
    this.counts.lists++;
    this.counts.pods = this.#pods.size;
    if (this.#failing) this.#log.info('the kubelet answers again');
    this.#failing = false;
  }

  #failed(error: unknown): void {
    this.counts.failures++;
    if (!this.#failing)
      this.#log.error(
        { reason: messageOf(error), url: this.#options.kubelet_url },
        'the kubelet gives no list of pods: labels of new ones are missing',
      );
    this.#failing = true;
  }
}

type Json = Readonly<Record<string, unknown>>;
const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

function podOf(item: Json, chosen: readonly string[]): [string, Pod][] {
  const metadata = objectOf(item.metadata);
  const uid = textOf(metadata.uid);
  if (uid === undefined) return [];
  const labels = objectOf(metadata.labels);
  const shown = chosen.flatMap((name) => {
    const value = Object.hasOwn(labels, name) ? labels[name] : undefined;
    return typeof value === 'string' ? [[name, value.slice(0, MAX_LABEL_LENGTH)] as const] : [];
  });
  const [podName, podNamespace] = [textOf(metadata.name), textOf(metadata.namespace)];
  const facts: ContainerDetails = {
    ...(podName === undefined ? {} : { podName }),
    ...(podNamespace === undefined ? {} : { podNamespace }),
    ...(shown.length === 0 ? {} : { podLabels: Object.fromEntries(shown) }),
  };
  const status = objectOf(item.status);
  const containers = ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses']
    .flatMap((list) => (Array.isArray(status[list]) ? status[list].map(objectOf) : []))
    .flatMap((container): [string, ContainerDetails][] => {
      // containerd://…, cri-o://…
      const id = textOf(container.containerID)?.replace(/^[\w.-]+:\/\//, '');
      const name = textOf(container.name);
      if (id === undefined) return [];
      const image = imageOf(textOf(container.image), undefined);
      return [[id, { ...facts, ...image, ...(name === undefined ? {} : { name }) }]];
    });
  return [[uid, { facts, containers: new Map(containers) }]];
}
