/** Shipped rules that had another name once: configurations, silences and local changes name rules. */
import { nearest } from '../nearest.ts';

/** Old name → name now, and the version since which it is that. */
export const RENAMED_RULES: Readonly<Record<string, readonly [name: string, since: string]>> = {
  audit_or_history_variable_in_script: ['shell_trap_with_tool', '0.2'],
  container_socket_opened: ['container_storage_written', '0.2'],
  data_in_ping: ['data_in_ping_or_name', '0.2'],
  many_distinct_dns_names: ['many_dns_queries_by_tool', '0.2'],
  process_memory_opened_by_thread: ['process_memory_file_opened_for_writing', '0.2'],
  renamed_interpreter_connects_out: ['unusual_interpreter_connects_out', '0.2'],
  swap_or_memory_pressure_forced: ['swap_changed_by_program', '0.2'],
  tool_downloaded_by_name: ['downloaded_to_temporary_directory', '0.2'],
};

/** What to do about the name of a rule that is not there: the new name of an old one, else the nearest. */
export function remedyForRule(name: string, known: Iterable<string>): string | undefined {
  const names = [...known];
  const [renamed, since] = (Object.hasOwn(RENAMED_RULES, name) ? RENAMED_RULES[name] : undefined) ?? [];
  if (renamed !== undefined && names.includes(renamed)) return `it is called "${renamed}" since ${since}`;
  const near = nearest(name, names);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}
