/** The lists that the configuration asks for, as one. */
import type { Config } from '../../config/options.ts';
import type { Logger } from '../../log.ts';
import type { ContainerDetails } from '../../schema/context.ts';
import { Cri } from './cri.ts';
import { Kubelet } from './kubelet.ts';
import { type PodCounts, PodList } from './pod-list.ts';

export class Pods {
  readonly #lists: ReadonlyMap<'cri' | 'kubelet', PodList>;

  constructor(options: Config['kubernetes'], log: Logger) {
    const { kubelet_url, cri_socket, pod_labels, refresh_seconds } = options;
    const lists = new Map<'cri' | 'kubelet', PodList>();
    if (cri_socket !== '') lists.set('cri', new PodList(new Cri(cri_socket, pod_labels), refresh_seconds, log));
    if (kubelet_url !== '') lists.set('kubelet', new PodList(new Kubelet(options), refresh_seconds, log));
    this.#lists = lists;
  }

  /** What any of them knows; undefined while none does, or none is asked. */
  detailsOf(podUid: string, containerId: string): ContainerDetails | undefined {
    let found: ContainerDetails | undefined;
    for (const list of this.#lists.values()) {
      const details = list.detailsOf(podUid, containerId);
      if (details !== undefined) found = found === undefined ? details : { ...found, ...details };
    }
    return found;
  }

  /** By who is asked. */
  get counts(): Readonly<Record<string, PodCounts>> {
    return Object.fromEntries([...this.#lists].map(([who, { counts }]) => [who, counts]));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lists.values()].map((list) => list.close()));
  }
}
