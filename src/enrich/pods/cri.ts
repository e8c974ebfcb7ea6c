/**
 * The container engine itself, by the Container Runtime Interface that it offers
 * to the kubelet: containerd and CRI-O. Its socket is only asked for lists, but
 * who may speak to it is root on the node.
 */
import { create, type DescMessage, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import type { ContainerDetails } from '../../schema/context.ts';
import { imageOf } from '../engine-state.ts';
import { type CriMessage, criMessage, SERVICE } from './cri-messages.ts';
import { callUnary } from './grpc.ts';
import { chosenLabels, type Pod, type PodSource } from './pod-list.ts';

interface PodSandbox {
  readonly id?: string;
  readonly metadata?: { readonly name?: string; readonly uid?: string; readonly namespace?: string };
  readonly labels?: Readonly<Record<string, string>>;
}

interface Container {
  readonly id?: string;
  readonly pod_sandbox_id?: string;
  readonly metadata?: { readonly name?: string };
  readonly image?: { readonly image?: string; readonly user_specified_image?: string };
  readonly image_ref?: string;
}

export class Cri implements PodSource {
  readonly who = 'the container engine';
  readonly where: object;
  readonly #socket: string;
  readonly #labels: readonly string[];

  constructor(socket: string, labels: readonly string[]) {
    this.#socket = socket;
    this.#labels = labels;
    this.where = { socket };
  }

  async ask(): Promise<readonly Pod[]> {
    // Containers first: the pod of each is then in the second list, unless it is gone.
    const { containers = [] } = await this.#list<{ containers?: Container[] }>('ListContainers');
    const { items = [] } = await this.#list<{ items?: PodSandbox[] }>('ListPodSandbox');
    const bySandbox = Map.groupBy(containers, ({ pod_sandbox_id }) => pod_sandbox_id);
    return items.flatMap((sandbox) => this.#podOf(sandbox, bySandbox.get(sandbox.id) ?? []));
  }

  async close(): Promise<void> {
    // A connection lives as long as a call.
  }

  async #list<T>(method: 'ListContainers' | 'ListPodSandbox'): Promise<T> {
    const [request, response] = [of(`${method}Request`), of(`${method}Response`)];
    const message = toBinary(request, create(request));
    const answer = await callUnary({ socket: this.#socket, method: `${SERVICE}/${method}`, message });
    return toJson(response, fromBinary(response, answer)) as T;
  }

  #podOf({ metadata, labels = {} }: PodSandbox, containers: readonly Container[]): Pod[] {
    const { uid, name, namespace } = metadata ?? {};
    if (uid === undefined) return [];
    const facts: ContainerDetails = {
      ...(name === undefined ? {} : { podName: name }),
      ...(namespace === undefined ? {} : { podNamespace: namespace }),
      ...chosenLabels(labels, this.#labels),
    };
    const known = containers.flatMap((container): [string, ContainerDetails][] =>
      container.id === undefined ? [] : [[container.id, { ...facts, ...detailsOf(container) }]],
    );
    return [{ uid, facts, containers: new Map(known) }];
  }
}

const IMAGE_ID = /^sha256:[0-9a-f]{64}$/;

const of = (name: CriMessage): DescMessage => criMessage(name);

/** The image is what the pod asked for, where the engine still knows it, else its id or digest. */
function detailsOf({ metadata, image, image_ref }: Container): ContainerDetails {
  return {
    ...imageOf(image?.user_specified_image ?? image?.image, IMAGE_ID.test(image_ref ?? '') ? image_ref : undefined),
    ...(metadata?.name === undefined ? {} : { name: metadata.name }),
  };
}
