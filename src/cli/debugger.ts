/**
 * Closes the debugger that the environment opened. NODE_OPTIONS comes along from
 * a developer's shell (`sudo -E`), and whoever may connect to a debugger runs code
 * in the daemon, as root. One that the command line asks for stays.
 */
export function closeDebugger(): void {
  const options = process.env.NODE_OPTIONS ?? '';
  if (!options.includes('--inspect') || process.execArgv.some((flag) => flag.startsWith('--inspect'))) return;
  // What is started from here, this process itself among it, opens none either.
  process.env.NODE_OPTIONS = options
    .replaceAll(/--inspect[^\s"]*/g, '')
    .replaceAll('""', '')
    .trim();
  process.getBuiltinModule('node:inspector').close();
}
