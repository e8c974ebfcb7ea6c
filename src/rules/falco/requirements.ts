/** `required_engine_version` and `required_plugin_versions`. */

import { quoted } from '../../visible.ts';
import type { YamlMap } from '../../yaml.ts';
import { FalcoFault } from './fault.ts';
import { textOf } from './node.ts';

/** The version of Falco's rule engine whose language is understood here. */
export const ENGINE_VERSION = '0.63.0';

type Version = readonly [number, number, number];

/** A whole number is the second part: 17 is 0.17.0. */
function versionOf(text: string): Version | undefined {
  if (/^\d+$/.test(text)) return [0, Number(text), 0];
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)(?:[-+][\w.+-]*)?$/.exec(text) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor), Number(patch)];
}

/** Whether the item is a requirement. Throws FalcoFault for one that is not met: the file was written for a later engine. */
export function checkRequirements(item: YamlMap): boolean {
  const { entries } = item;
  if (entries.has('required_engine_version')) {
    const text = textOf(item, 'required_engine_version').trim();
    const wanted = versionOf(text);
    if (wanted === undefined) throw new FalcoFault(`${quoted(text)} is not a version such as 0.57.0`, item);
    const [major, minor, patch] = versionOf(ENGINE_VERSION) ?? [0, 0, 0];
    const met = wanted[0] === major && (wanted[1] < minor || (wanted[1] === minor && wanted[2] <= patch));
    if (!met) {
      throw new FalcoFault(`the file needs Falco's engine ${text}; what is understood here is ${ENGINE_VERSION}`, {
        line: item.line,
        wholeFile: true,
      });
    }
    return true;
  }
  if (!entries.has('required_plugin_versions')) return false;
  // The fields and sources of a plugin are refused rule by rule; the container plugin's are in the table.
  const plugins = entries.get('required_plugin_versions');
  if (plugins?.kind !== 'list') throw new FalcoFault('"required_plugin_versions" must be a list', item);
  for (const plugin of plugins.items) {
    if (plugin.kind !== 'map') throw new FalcoFault('a required plugin must be a map', plugin);
    checkPluginVersion(plugin);
    const others = plugin.entries.get('alternatives');
    if (others === undefined) continue;
    if (others.kind !== 'list') throw new FalcoFault('"alternatives" must be a list', others);
    for (const other of others.items) {
      if (other.kind !== 'map') throw new FalcoFault('an alternative must be a map', other);
      checkPluginVersion(other);
    }
  }
  return true;
}

function checkPluginVersion(plugin: YamlMap): void {
  const name = textOf(plugin, 'name');
  const version = textOf(plugin, 'version').trim();
  if (versionOf(version) === undefined)
    throw new FalcoFault(`${quoted(version)} is not the version of ${quoted(name)}`, plugin);
}
