import type { Logger } from '../log.ts';
import { errnoName } from '../schema/names/errno.ts';
import type { LoadedObject } from './load.ts';
import { SensorError } from './native.ts';
import { exitFamily, isAgain, isHook, isIterator } from './programs.ts';
import { cgroupRoot } from './requirements.ts';
import type { AttachReport } from './types.ts';

/** Attaches what was loaded; what could not be attached is in the report with the reason. sys_exit comes late: then its handlers are complete. A hook runs its programs in the order in which they came. */
export function attachPrograms(object: LoadedObject): AttachReport[] {
  const root = cgroupRoot();
  const reports: AttachReport[] = [];
  const direct = object.programs.filter((program) => exitFamily(program.name) === undefined && !isIterator(program));
  const ordered = [
    ...direct.filter(({ name }) => name !== 'sys_exit' && !isAgain(name)),
    ...direct.filter(({ name }) => name === 'sys_exit'),
    ...direct.filter(({ name }) => isAgain(name)),
  ];
  for (const { name, section } of ordered) {
    if (!section.startsWith('cgroup/')) reports.push(attachOne(object, name));
    else if (root === undefined)
      reports.push({
        program: name,
        attached: false,
        offered: true,
        reason: 'no cgroup version 2 hierarchy is mounted',
      });
    else reports.push(attachOne(object, name, root));
  }
  const dispatched = reports.some(({ program, attached }) => program === 'sys_exit' && attached);
  for (const { name } of object.programs)
    if (exitFamily(name) !== undefined) reports.push({ program: name, attached: dispatched, offered: true });
  for (const [program, { reason, offered }] of object.leftOut)
    reports.push({ program, attached: false, offered, reason });
  return reports;
}

function attachOne({ native }: LoadedObject, program: string, cgroup?: string): AttachReport {
  const status = native.attach(program, cgroup);
  if (status >= 0) return { program, attached: true, offered: true };
  return {
    program,
    attached: false,
    // Functions are hooked where the kernel has trampolines for them and nothing forbids it.
    offered: !isHook(program),
    reason: new SensorError(`attach ${program}`, -status, native.takeLog()).message,
  };
}

/** On as long as this process lives: a stopped or killed daemon leaves no program of the host slower. */
export function switchStatistics({ native }: LoadedObject, log: Logger): void {
  const status = native.enableStatistics();
  if (status >= 0) return;
  log.warn(
    { reason: errnoName(status) },
    'the kernel does not let program statistics be switched on: it takes CAP_SYS_ADMIN and Linux 5.8',
  );
}
