import type { Board } from '../board.ts';
import { lines, number, type Panel, PER_SECOND, ranking } from '../panels.ts';
import { busiest, inRange, rate, select } from '../query.ts';

/** What is counted together has no name that says anything. */
const NAMED = 'syscall!="__other__"';

/** One graph of the events of some kinds, a second. */
function kinds(title: string, description: string, pattern: string): Panel {
  return lines({
    title,
    description,
    width: 12,
    unit: PER_SECOND,
    queries: [{ expr: `sum by (event) (${rate('events_total', `event=~"${pattern}"`)})`, legend: '{{event}}' }],
  });
}

/** What processes, files and the network do, counted in the kernel whether a rule looks or not. */
export const activity: Board = {
  uid: 'bpfwarden-activity',
  title: 'Activity',
  description: 'What processes do: starts, files, network and privileged operations, counted in the kernel.',
  rows: [
    {
      title: 'Processes',
      panels: [
        kinds('Processes', 'Programs started, processes made and ended, a second.', 'process_(exec|fork|exit)'),
        number({
          title: 'Processes known',
          description: 'Processes in the process table.',
          width: 4,
          height: 8,
          unit: 'short',
          queries: [{ expr: `sum(${select('process_table_entries')})` }],
          runbooks: ['BpfwardenProcessTableEvictions'],
        }),
        ranking({
          title: 'Interference between processes',
          description: 'Tracing, foreign memory, foreign descriptors and signals in the time shown.',
          width: 8,
          unit: 'locale',
          color: 'orange',
          queries: [
            {
              expr: `sum by (event) (${inRange('events_total', 'event=~"process_ptrace|process_vm_read|process_vm_write|pidfd_getfd|kill|process_rename"')})`,
              legend: '{{event}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Files',
      panels: [
        kinds(
          'Opened, read, written',
          'First read and first write of each opened file, and opens, a second.',
          'file_(open|read|write)',
        ),
        kinds(
          'Changed',
          'Files made, removed, renamed, linked and truncated, a second.',
          'file_(create|unlink|rename|link|symlink|mkdir|truncate)',
        ),
        lines({
          title: 'Bytes',
          description: 'Bytes that processes read from and wrote to files.',
          width: 12,
          unit: 'Bps',
          queries: [{ expr: `sum by (direction) (${rate('file_bytes_total')})`, legend: '{{direction}}' }],
        }),
        lines({
          title: 'Calls',
          description: 'Read and write calls on files.',
          width: 12,
          unit: PER_SECOND,
          queries: [{ expr: `sum by (direction) (${rate('file_calls_total')})`, legend: '{{direction}}' }],
        }),
        kinds(
          'Attributes',
          'Changes of mode, owner, extended attributes and times, a second.',
          'file_(chmod|chown|setxattr|utimens)',
        ),
        lines({
          title: 'Bytes per call',
          description: 'Mean size of a read and of a write.',
          width: 12,
          unit: 'bytes',
          queries: [
            {
              expr: `sum by (direction) (${rate('file_bytes_total')}) / (sum by (direction) (${rate('file_calls_total')}) > 0)`,
              legend: '{{direction}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Network',
      panels: [
        kinds(
          'Connections',
          'Connections made, accepted and ended, and sockets that listen, a second.',
          'net_(conn|accept|listen|close)',
        ),
        kinds(
          'Datagrams and names',
          'Unconnected datagrams, DNS answers and raw sockets, a second.',
          'net_send|net_dns|socket_raw|socket_dup',
        ),
        lines({
          title: 'Network bytes',
          description: 'Bytes that processes sent and received over TCP and UDP.',
          width: 24,
          unit: 'Bps',
          queries: [{ expr: `sum by (direction) (${rate('network_bytes_total')})`, legend: '{{direction}}' }],
        }),
      ],
    },
    {
      title: 'Privileged operations and system calls',
      panels: [
        ranking({
          title: 'Privileged operations',
          description: 'In the time shown, successful or not.',
          width: 12,
          height: 12,
          unit: 'locale',
          color: 'red',
          queries: [
            {
              expr: `topk(20, sum by (event) (${inRange('events_total', 'event!~"process_.*|file_.*|net_.*|socket_.*|kill|throttle"')}) > 0)`,
              legend: '{{event}}',
            },
          ],
        }),
        ranking({
          title: 'System calls',
          description: 'Most frequent system calls in the time shown, of those that are counted by name.',
          width: 12,
          height: 12,
          unit: 'locale',
          queries: [
            { expr: `topk(15, sum by (syscall) (${inRange('syscalls_total', NAMED)}) > 0)`, legend: '{{syscall}}' },
          ],
        }),
        lines({
          title: 'System calls',
          description: 'Most frequent system calls, of those that are counted by name.',
          width: 12,
          unit: PER_SECOND,
          queries: [
            {
              expr: busiest(
                10,
                'syscall',
                `sum by (syscall) (${rate('syscalls_total', NAMED)})`,
                'syscalls_total',
                NAMED,
              ),
              legend: '{{syscall}}',
            },
          ],
        }),
        lines({
          title: 'Failed system calls',
          description: 'By class of error. Many refused permissions are a sign of probing.',
          width: 12,
          unit: PER_SECOND,
          queries: [{ expr: `sum by (errno_class) (${rate('syscall_errors_total')})`, legend: '{{errno_class}}' }],
        }),
      ],
    },
  ],
};
