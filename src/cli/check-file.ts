import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { SINK_TYPES } from '../alerts/sinks/registry.ts';
import { loadConfig } from '../config/load.ts';
import { distrust } from '../config/trust.ts';
import { messageOf } from '../errors.ts';
import { readWebConfig } from '../http/web-config/read.ts';
import { loadRules } from '../rules/load.ts';
import { failure, ruleSection, type Section, sectionOf } from './check.ts';
import type { Flags } from './flags.ts';
import { loadNamedRules } from './named-rules.ts';

type FileType = 'config' | 'web' | 'sigma' | 'rules';

/** One file by what it is. A rule file may lean on the shipped rules, as local ones do. */
export function checkFile(file: string, flags: Flags): Section {
  const unsafe = flags['allow-unsafe-files'] === true ? undefined : distrust(file);
  if (unsafe !== undefined) return sectionOf(file, [], [unsafe]);
  let type: FileType;
  try {
    type = typeOf(file);
  } catch (error) {
    return sectionOf(file, [], [{ file, message: `cannot be read: ${messageOf(error)}` }]);
  }
  try {
    switch (type) {
      case 'config':
        loadConfig(file, SINK_TYPES);
        return sectionOf(`configuration ${file}`, ['ok'], []);
      case 'web':
        readWebConfig(file);
        return sectionOf(`web configuration ${file}`, ['ok'], []);
      case 'sigma':
        return ruleSection(loadRules({ paths: [], sigmaPaths: [file] }), [file]);
      case 'rules':
        return ruleSection(loadNamedRules([file], flags), [file]);
    }
  } catch (error) {
    return failure(file, error);
  }
}

/** By name, and for YAML by what it holds at the top. */
function typeOf(file: string): FileType {
  const extension = extname(file).toLowerCase();
  if (extension === '.toml') return 'config';
  if (extension !== '.yml' && extension !== '.yaml') return 'rules';
  const text = readFileSync(file, 'utf8');
  if (/^(?:tls_server_config|http_server_config|basic_auth_users)\s*:/m.test(text)) return 'web';
  return /^(?:detection|correlation|logsource)\s*:/m.test(text) ? 'sigma' : 'rules';
}
