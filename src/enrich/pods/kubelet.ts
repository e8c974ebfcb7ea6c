/** The kubelet's own list of the node's pods, `GET /pods`. */
import { Agent, request } from 'undici';
import type { Config } from '../../config/options.ts';
import type { ContainerDetails } from '../../schema/context.ts';
import { readWhole } from '../../whole-file.ts';
import { imageOf } from '../engine-state.ts';
import { chosenLabels, type Pod, type PodSource } from './pod-list.ts';

const MAX_BYTES = 32 << 20;
/** Of the token and of the certificates. */
const MAX_FILE_BYTES = 1 << 20;
const TIMEOUT_MS = 10_000;

export class Kubelet implements PodSource {
  readonly who = 'the kubelet';
  readonly where: object;
  readonly #options: Config['kubernetes'];
  readonly #agent: Agent;

  constructor(options: Config['kubernetes']) {
    this.#options = options;
    this.where = { url: options.kubelet_url };
    const { ca_file, verify } = options;
    this.#agent = new Agent({
      connections: 1,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      connect: {
        timeout: TIMEOUT_MS,
        rejectUnauthorized: verify,
        ...(ca_file === '' ? {} : { ca: readWhole(ca_file, MAX_FILE_BYTES) }),
      },
    });
  }

  async ask(): Promise<readonly Pod[]> {
    const { kubelet_url, token_file, pod_labels } = this.#options;
    // Read each time: the kubelet renews it.
    const token = token_file === '' ? undefined : readWhole(token_file, MAX_FILE_BYTES).toString('utf8').trim();
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
    return items.flatMap((item) => podOf(objectOf(item), pod_labels));
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

type Json = Readonly<Record<string, unknown>>;
const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

function podOf(item: Json, chosen: readonly string[]): Pod[] {
  const metadata = objectOf(item.metadata);
  const uid = textOf(metadata.uid);
  if (uid === undefined) return [];
  const [podName, podNamespace] = [textOf(metadata.name), textOf(metadata.namespace)];
  const facts: ContainerDetails = {
    ...(podName === undefined ? {} : { podName }),
    ...(podNamespace === undefined ? {} : { podNamespace }),
    ...chosenLabels(objectOf(metadata.labels), chosen),
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
  return [{ uid, facts, containers: new Map(containers) }];
}
