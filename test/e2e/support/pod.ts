/** A pod of Kubernetes without Kubernetes: made over CRI as the kubelet makes it, in the host's network. */
import { callUnary } from '../../../src/enrich/pods/grpc.ts';
import { encoded, firstText, type Message, mapOf } from '../../enrich/support/protobuf.ts';

export interface PodOptions {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly container: string;
}

interface Where {
  readonly socket: string;
  readonly image: string;
  readonly command: readonly string[];
  /** Group in which the pod has its own. */
  readonly group: string;
  readonly logs: string;
}

export interface Pod {
  /** Of its container. */
  readonly id: string;
  remove(): Promise<void>;
}

const NODE = 2;

/** Starts it; gives the id of its container and what ends it. */
export async function startPod(options: PodOptions & Where): Promise<Pod> {
  const call = async (method: string, message: Message) =>
    callUnary({ socket: options.socket, method: `runtime.v1.RuntimeService/${method}`, message: encoded(message) });
  const { uid, name, namespace, labels, logs, group } = options;
  const told = {
    'io.kubernetes.pod.name': name,
    'io.kubernetes.pod.namespace': namespace,
    'io.kubernetes.pod.uid': uid,
  };
  const config: Message = {
    1: { 1: name, 2: uid, 3: namespace },
    3: logs,
    6: mapOf({ ...labels, ...told }),
    8: { 1: `${group}/kubepods/besteffort/pod${uid}`, 2: { 1: { 1: NODE } } },
  };
  const sandbox = firstText(await call('RunPodSandbox', { 1: config }));
  const remove = async () => {
    await call('StopPodSandbox', { 1: sandbox });
    await call('RemovePodSandbox', { 1: sandbox });
  };
  try {
    const container: Message = {
      1: { 1: options.container },
      2: { 1: options.image },
      3: options.command,
      9: mapOf({ ...told, 'io.kubernetes.container.name': options.container }),
      11: 'log',
    };
    const id = firstText(await call('CreateContainer', { 1: sandbox, 2: container, 3: config }));
    await call('StartContainer', { 1: id });
    return { id, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
