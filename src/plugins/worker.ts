/** The thread that one plugin runs in: loads the module, answers calls one after the other. */
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../errors.ts';
import {
  type Call,
  type Message,
  PLUGIN_API_VERSION,
  type Plugin,
  type PluginInstance,
  type WorkerData,
} from './types.ts';

const port = parentPort;
if (port === null) throw new Error('worker.ts runs in a worker thread');
const { module, context } = workerData as WorkerData;
const send = (message: Message) => port.postMessage(message);

async function load(): Promise<PluginInstance | undefined> {
  try {
    const loaded = (await import(pathToFileURL(module).href)) as { default?: Partial<Plugin> };
    const plugin = loaded.default;
    if (typeof plugin !== 'object' || plugin === null) throw new Error('it has no default export');
    const { apiVersion, kind, observes = [] } = plugin;
    // Another version may not even have create(): the daemon says what is wrong.
    const instance = apiVersion === PLUGIN_API_VERSION ? await plugin.create?.(context) : {};
    if (typeof instance !== 'object' || instance === null) throw new Error('create() returned no object');
    send({ type: 'ready', apiVersion, kind, observes: observes.map(String) });
    return instance;
  } catch (error) {
    send({ type: 'refused', message: messageOf(error) });
    return undefined;
  }
}

const instance = load();
let before: Promise<void> = Promise.resolve();
port.on('message', (call: Call) => {
  before = before.then(() => answer(call));
});

async function answer({ id, method, argument }: Call): Promise<void> {
  try {
    const target = (await instance) ?? {};
    const value: unknown = await (target[method] as ((argument: unknown) => unknown) | undefined)?.call(
      target,
      argument,
    );
    // JSON is the interface: what structured cloning could carry besides is cut off here.
    if (id !== undefined)
      send({ type: 'result', id, value: value === undefined ? null : JSON.parse(JSON.stringify(value)) });
  } catch (error) {
    send({ type: 'error', id, message: messageOf(error) });
  } finally {
    if (method === 'observe') send({ type: 'observed', count: 1 });
  }
}
