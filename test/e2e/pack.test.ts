import { expect } from 'chai';
import { ATOMICS } from '../cases/atomics.ts';
import { EVENT_GENERATOR } from '../cases/event-generator.ts';
import { isOf, runScript } from '../cases/run.ts';
import { TECHNIQUES } from '../cases/techniques.ts';
import { type Daemon, eventually, startDaemon } from './support/daemon.ts';

/** Which rule of the shipped pack must see which behaviour. */
const EXPECTED: Readonly<Record<string, string>> = {
  ChangeThreadNamespace: 'namespace_changed',
  ClearLogActivities: 'log_named_file_truncated',
  CreateFilesBelowDev: 'file_created_in_device_directory',
  CreateHardlinkOverSensitiveFiles: 'link_to_sensitive_file',
  CreateHiddenFilesOrDirectories: 'hidden_file_in_temporary_directory',
  CreateSymlinkOverSensitiveFiles: 'link_to_sensitive_file',
  DbProgramSpawnedProcess: 'database_spawned_process',
  DeleteOrRenameShellHistory: 'shell_history_removed',
  DetectCryptoMinersUsingTheStratumProtocol: 'stratum_protocol_in_arguments',
  DisallowedSSHConnectionNonStandardPort: 'ssh_to_unusual_port',
  FilelessExecutionViaMemfdCreate: 'fileless_execution',
  InterpretedProcsOutboundNetworkActivity: 'unusual_interpreter_connects_out',
  NonSudoSetuid: 'setuid_root_attempt',
  PolkitLocalPrivilegeEscalationVulnerabilityCVE20214034: 'pkexec_without_arguments',
  PotentialLocalPrivilegeEscalationViaEnvironmentVariablesMisuse: 'loader_tunables_set',
  ProgramRunWithDisallowedHttpProxyEnv: 'program_run_with_proxy_environment',
  ReadSensitiveFileUntrusted: 'credential_file_read',
  ReadShellConfigurationFile: 'shell_configuration_read',
  ScheduleCronJobs: 'scheduled_job_edited_by_command',
  SearchPrivateKeysOrPasswords: 'private_keys_searched',
  SetSetuidOrSetgidBit: 'setuid_bit_set',
  SudoPotentialPrivilegeEscalation: 'sudo_heap_overflow_arguments',
  SystemProcsNetworkActivity: 'renamed_program_uses_network',
  UnexpectedUDPTraffic: 'unexpected_udp_traffic',
  UnprivilegedDelegationOfPageFaultsHandlingToAUserspaceProcess: 'userfaultfd_by_user',
  UserMgmtBinaries: 'user_management_program',
  WriteBelowBinaryDir: 'write_below_binary_directory',
  WriteBelowEtc: 'write_below_etc',
  WriteBelowRoot: 'write_below_root_home',
  'T1003.007-1': 'process_memory_read',
  'T1003.008-5': 'credential_file_read',
  'T1027-1': 'suspicious_temp_execution',
  'T1030-1': 'file_split',
  'T1033-2': 'users_listed',
  'T1036.004-3': 'process_renamed_itself',
  'T1040-12': 'packet_capture',
  'T1048.003-8': 'file_server_started',
  'T1053.003-1': 'persistence_in_other_root',
  'T1053.003-3': 'cron_job_written',
  'T1055.009-3': 'process_memory_file_opened_for_writing',
  'T1059.004-9': 'decoder_feeds_shell',
  'T1059.004-14': 'shell_escape',
  'T1070.003-1': 'shell_history_removed',
  'T1070.003-5': 'shell_history_removed',
  'T1070.004-3': 'file_overwritten_before_removal',
  'T1082-25': 'kernel_modules_listed',
  'T1087.001-1': 'account_list_read',
  'T1098.004-1': 'authorized_keys_written',
  'T1222.002-11': 'temporary_file_made_executable',
  'T1489-4': 'service_stopped_by_command',
  'T1518.001-4': 'security_software_searched',
  'T1543.002-1': 'systemd_unit_written',
  'T1546.004-4': 'shell_startup_file_written',
  'T1548.001-5': 'setuid_bit_set',
  'T1548.001-9': 'privileged_files_searched',
  'T1552.003-1': 'shell_history_read',
  'T1574.006-2': 'preload_from_writable_directory',
  'T1685.006-1': 'log_removed',
  'T1685-62': 'kernel_hardening_lowered',
};

describe('shipped rules on behaviour of public corpora', function () {
  this.timeout(120_000);
  let daemon: Daemon;

  before(async () => {
    daemon = await startDaemon({ toml: '[ledger]\ndedupe_seconds = 0\nalerts_per_minute = 0\n' });
  });
  after(async () => {
    await daemon.stop();
  });

  const corpora = [...EVENT_GENERATOR, ...ATOMICS].map((entry) => ({ ...entry, rule: EXPECTED[entry.id] }));
  for (const { rule, ...entry } of [...corpora, ...TECHNIQUES]) {
    it(`${entry.id}: ${entry.what}: ${rule}`, async () => {
      const before = daemon.alerts().length;
      const pid = runScript(entry);
      let seen: string[] = [];
      await eventually(
        'the alert',
        () => {
          seen = daemon
            .alerts()
            .slice(before)
            .filter((alert) => isOf(pid, alert))
            .map((alert) => (alert.rule as { name: string }).name);
          return rule?.split('|').some((name) => seen.includes(name)) || undefined;
        },
        15_000,
      ).catch(() => expect(seen.join(), 'alerts of the script').to.match(new RegExp(`\\b(${rule})\\b`)));
    });
  }
});
