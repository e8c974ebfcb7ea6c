/**
 * What a BPF object uses that Linux 5.15, the oldest kernel that it is made for, does not
 * have: no kernel of that version is in an archive that test:kernels could boot. Helpers,
 * instructions and ways to attach are in the object; each is compared with the lists of that
 * kernel (include/uapi/linux/bpf.h, kernel/bpf/verifier.c).
 */
import { type BpfFunction, bpfFunctions, bpfHelpers } from './bpf-functions.ts';

/** enum bpf_func_id of Linux 5.15 ends with bpf_task_pt_regs. */
const LAST_HELPER = 175;
/** Newer, and called only where the kernel's own types have it (repeat.bpf.h): bpf_loop, 5.17. */
const GUARDED: ReadonlySet<number> = new Set([181]);

/** What programs of the floor attach to. Since then: fentry.s of more functions, kprobe.multi, usdt, lsm_cgroup, tcx, … */
const SECTIONS = /^(?:tp_btf|fentry|fexit|fmod_ret)\/\w+$|^iter\/task$|^cgroup\/(?:connect|sendmsg)[46]$/;

const TAIL_CALL = 12;
const INSTRUCTION_BYTES = 8;
const LD_IMM64 = 0x18;
const CALL = 0x85;
const PSEUDO_KFUNC = 2;

/** Instructions of -mcpu=v4 (6.6) and later, by what distinguishes them in their eight bytes; undefined for one of v3. */
function newerInstruction(operation: number, source: number, offset: number, immediate: number): string | undefined {
  const type = operation & 7;
  if (operation === 0x06) return 'a jump of 32 bits (gotol, 6.6)';
  if (operation === CALL && source === PSEUDO_KFUNC) return 'a function of the kernel (kfunc; weak ones are refused)';
  if (type === 1 && operation >> 5 === 4) return 'a load that extends the sign (6.6)';
  if ((type === 4 || type === 7) && operation >> 4 === 0xb && offset !== 0) return 'a move that extends the sign (6.6)';
  if ((type === 4 || type === 7) && [0x3, 0x9].includes(operation >> 4) && offset !== 0)
    return 'a signed division (6.6)';
  if (operation === 0xd7) return 'an unconditional byte swap (6.6)';
  if (type === 3 && operation >> 5 === 6 && (immediate & ~0xf1) !== 0) return 'a load or store that orders (6.15)';
  if ((type === 5 || type === 6) && operation >> 4 === 0xe) return 'may_goto (6.9)';
  return undefined;
}

export function newerInstructions({ code }: Pick<BpfFunction, 'code'>): string[] {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const found = new Set<string>();
  for (let at = 0; at + INSTRUCTION_BYTES <= code.length; at += INSTRUCTION_BYTES) {
    const operation = view.getUint8(at);
    const newer = newerInstruction(
      operation,
      view.getUint8(at + 1) >> 4,
      view.getInt16(at + 2, true),
      view.getInt32(at + 4, true),
    );
    if (newer !== undefined) found.add(newer);
    if (operation === LD_IMM64) at += INSTRUCTION_BYTES;
  }
  return [...found];
}

/** What an object, linked or not, has that Linux 5.15 lacks: a line for each function and reason. */
export function beyondFloor(object: Uint8Array): string[] {
  const calling = bpfHelpers(object);
  const helpers = calling.flatMap(({ name, helpers: called }) => {
    const newer = called.filter((helper) => helper > LAST_HELPER && !GUARDED.has(helper));
    return newer.length === 0 ? [] : [`${name} calls helper ${newer.join(', ')}, which Linux 5.15 does not have`];
  });
  const goesOn = new Set(calling.filter(({ helpers: called }) => called.includes(TAIL_CALL)).map(({ name }) => name));
  const others = bpfFunctions(object).flatMap((each) => [
    ...(goesOn.has(each.name) && each.calls.length > 0
      ? [`${each.name} calls functions and goes on to another program, which arm64 before 6.0 does not have`]
      : []),
    ...newerInstructions(each).map((what) => `${each.name} has ${what}, which Linux 5.15 does not have`),
    ...(each.section === '.text' || SECTIONS.test(each.section)
      ? []
      : [`${each.name} attaches to ${each.section}, which is in no list of what Linux 5.15 has`]),
  ]);
  return [...helpers, ...others];
}
