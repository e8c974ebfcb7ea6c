/**
 * Options of single programs whose value is a secret although their name does
 * not say so, and programs that read one from a pipe. By the program's base
 * name, as RE2 patterns over whole names and words.
 */
export interface ProgramSecrets {
  readonly program: string;
  /** A word after which the next one is secret. */
  readonly next?: string;
  /** The beginning of a word whose rest is secret. */
  readonly glued?: string;
  /** Words without a dash that are secret, counted from 0 after those that `after` names. */
  readonly positional?: readonly number[];
  /** A word that must be there for `positional` and `next` to hold. */
  readonly after?: string;
  /** Of the value only what follows the first of these characters is secret. */
  readonly behind?: string;
}

export const PROGRAM_SECRETS: readonly ProgramSecrets[] = [
  { program: '(?:mysql|mariadb)[a-z-]*', glued: '-p' },
  { program: 'mysqladmin|mariadb-admin', after: 'password', positional: [0] },
  { program: 'sshpass', next: '-p', glued: '-p' },
  { program: 'redis-cli|valkey-cli|keydb-cli', next: '-a|--pass' },
  { program: 'curl|wget|http|https|xh|aria2c', next: '-u|-U|-a|--user|--proxy-user|--auth', glued: '-u', behind: ':' },
  { program: 'curl', next: '--oauth2-bearer|--pass|--proxy-pass|--tlspassword' },
  { program: 'ldap(?:search|modify|add|whoami|delete|passwd|compare)', next: '-w|-s|-a', glued: '-w' },
  { program: 'smbclient|rpcclient|smbget|net|winexe|smbcacls|wmic', next: '-U', glued: '-U|--user=', behind: '%:' },
  { program: 'openssl', next: '-k|-K|-passin|-passout|-pass|-psk' },
  { program: 'openssl', after: 'passwd', positional: [0] },
  { program: 'zip|unzip|zipcloak|zipnote|fcrackzip', next: '-P', glued: '-P' },
  { program: '7z[arz]?|p7zip', glued: '-p' },
  { program: 'rar|unrar', glued: '-hp|-p' },
  { program: 'htpasswd', after: '-[a-zA-Z]*b[a-zA-Z]*', positional: [2] },
  { program: 'htpasswd', after: '-[a-zA-Z]*n[a-zA-Z]*', positional: [1] },
  {
    program:
      'docker|podman|nerdctl|buildah|skopeo|helm|oras|crane|az|oc|kubectl|cf|ctr|regctl|heroku|jfrog|twine|vercel',
    after: 'login|upload|registry|set-credentials|pull|push',
    next: '-p|--password|-u=.*',
    glued: '-p=',
  },
  { program: 'vault', after: 'login', positional: [0] },
  { program: 'useradd|usermod|adduser|groupmod|gpasswd|newusers', next: '-p' },
  { program: 'mkpasswd|grub-mkpasswd-pbkdf2', positional: [0] },
  { program: 'ipmitool|ipmipower|ipmi-.*|bmc-.*', next: '-P|-p', glued: '-P' },
  { program: '(?:x|wl|sdl-?)?freerdp[0-9]?|mstsc', glued: '/p:|/gp:|/pth:' },
  { program: 'rdesktop', next: '-p', glued: '-p' },
  { program: 'lftp|ncftp', next: '-u|-p', glued: '-u', behind: ',' },
  { program: 'mongo(?:sh|dump|restore|import|export|top|stat)?', next: '-p' },
  {
    program:
      'cqlsh|influx|clickhouse(?:-client)?|arangosh|evil-winrm|(?:crack|nxc|netexec|cme).*|smbmap|hydra|medusa|ncrack|kerbrute|bloodhound.*',
    next: '-p|-password|-H',
    glued: '-p',
  },
  { program: 'sqlcmd|bcp|osql|mssql-cli|isql|tsql', next: '-P', glued: '-P' },
  { program: 'sqlplus|rman|exp|imp|expdp|impdp|sqlldr', positional: [0], behind: '/' },
  {
    program:
      '(?:impacket-)?(?:psexec|smbexec|wmiexec|secretsdump|atexec|dcomexec|getTGT|GetUserSPNs|GetNPUsers)(?:\\.py)?',
    positional: [0],
    behind: ':',
  },
  { program: 'ssh-keygen', next: '-N|-P' },
  { program: 'gpg2?', next: '--passphrase' },
  { program: 'keytool|jarsigner|apksigner', next: '-(?:store|key|src|dest)[a-z]*pass|--ks-pass|--key-pass' },
  { program: 'plink|pscp|psftp|puttygen', next: '-pw|--old-passphrase|--new-passphrase' },
  { program: 'x11vnc|vncserver|xrdp|tightvncserver', next: '-passwd|-viewpasswd' },
  { program: 'snmp[a-z]+', next: '-c|-A|-X|-a', glued: '-c' },
  { program: 'rabbitmqctl', after: 'add_user|change_password|authenticate_user', positional: [1] },
  { program: 'wpa_passphrase', positional: [1] },
  { program: 'nmcli|iwctl', next: 'password|--passphrase|wep-key[0-9]?|802-11-wireless-security\\.psk|wifi-sec\\.psk' },
  { program: 'iwconfig', next: 'key' },
  { program: 'swaks|sendemail|msmtp', next: '-ap|-xp' },
  { program: 'mc', after: 'set', positional: [2, 3] },
  { program: 'bw|lpass', after: 'login|unlock', positional: [1] },
  { program: 'doctl|fly(?:ctl)?|linode-cli', next: '-t' },
  { program: 'aws', after: 'aws_secret_access_key|aws_session_token|aws_access_key_id', positional: [0] },
  { program: 'dotnet|nuget', next: '-k|-ApiKey|-p|-Password' },
  { program: 'dsh|expect|proxychains.*|kinit', next: '--password' },
  { program: 'cryptsetup|veracrypt|zuluCrypt-cli', next: '-p|--password' },
  { program: 'caddy', next: '--plaintext|-plaintext|-p' },
  { program: 'net|net\\.exe', after: 'user', positional: [1] },
  { program: 'smbpasswd|pdbedit', next: '-w' },
  { program: 'slappasswd', next: '-s' },
  { program: 'mongo(?:sh|dump|restore|import|export)?', glued: '-p' },
  { program: 'influx', next: '-t|--token' },
  {
    program:
      'cypher-shell|cbq|cbc|couchbase-cli|rabbitmqadmin|racadm|knife|ncftp(?:get|put|ls)?|xmrig|minerd|cpuminer.*',
    next: '-p|-P',
  },
  { program: 'mosquitto_(?:pub|sub|rr)', next: '-P|--pw' },
  { program: 'mosquitto_passwd', after: '-[a-zA-Z]*b[a-zA-Z]*', positional: [2] },
  { program: 'aws|az|gcloud', after: 'put-parameter|secret|secrets|secretsmanager', next: '--value|--secret-string' },
  { program: 'vault|bao', after: 'put|write|patch|login', glued: '[\\w.-]+=' },
  { program: 'vault|bao', after: 'unseal', positional: [0] },
  { program: 'kubectl|oc|microk8s', after: 'secret', glued: '--from-literal=[^=]+=' },
  { program: 'kubectl|oc|microk8s', after: 'secret', next: '--from-literal', behind: '=' },
  {
    program: 'skopeo|buildah|podman|crictl|ctr|nerdctl|crane|oras|regctl',
    next: '--(?:(?:src|dest)-)?creds|--user|--auth',
    glued: '--(?:(?:src|dest)-)?creds=|--user=',
    behind: ':',
  },
  { program: 'cargo', after: 'login', positional: [0] },
  { program: 'gem', next: '--key|-k' },
  {
    program: 'poetry|composer',
    after: '(?:pypi-token|http-basic|bearer|github-oauth|gitlab-token)\\..*',
    positional: [0, 1],
  },
  {
    program: 'curl|wget|http|https|xh|aria2c',
    next: '-E|--cert|--proxy-cert',
    glued: '--user=|--proxy-user=',
    behind: ':',
  },
  { program: 'curl|wget', next: '-b|--cookie', behind: '=' },
  { program: 'http|https|xh', after: '-A|--auth-type', next: '-a|--auth' },
  { program: 'rclone', after: 'obscure', positional: [0] },
  { program: 's3cmd', glued: '--(?:secret|access)_key=' },
  { program: 'ipa-.*|realm|adcli', next: '-w|-p|-a|--admin-password|--ds-password' },
  { program: 'samba-tool', after: 'create|add|newuser', positional: [1] },
  { program: 'wbinfo', next: '-a|-K', behind: '%' },
  { program: 'snmp[a-z]+', glued: '-[AX](?=.)' },
  { program: 'radtest|radclient', positional: [1, 4] },
  { program: 'wpa_cli', after: 'psk|password|private_key_passwd', positional: [0] },
  { program: 'iw', glued: '[0-3]:', after: 'key' },
  { program: 'ngrok|snyk|sonar-scanner', after: 'authtoken|add-authtoken|auth', positional: [0] },
  { program: 'sonar-scanner|mvn|gradle', glued: '-Dsonar\\.(?:login|token)=' },
  { program: 'openssl', next: '-hmac' },
  { program: 'openssl', next: '-macopt', behind: ':' },
  { program: 'mkpasswd', next: 'sha-512|sha-256|md5|yescrypt|bcrypt|des' },
  { program: 'qpdf', after: '--encrypt', positional: [0, 1] },
  { program: 'pdftk', next: 'input_pw|owner_pw|user_pw' },
  { program: 'pdfto[a-z]+|pdfinfo|pdfimages', next: '-upw|-opw' },
  { program: 'bw|lpass', after: 'unlock', positional: [0] },
  { program: 'keyctl', after: 'add|padd|update|pupdate', positional: [1, 2] },
  { program: 'grafana-cli|grafana', after: 'reset-admin-password', positional: [0] },
  { program: 'icinga2', next: '--ticket' },
  { program: 'winrs', glued: '-p(?:assword)?:|/p(?:assword)?:' },
  { program: 'net|net\\.exe', after: 'use', positional: [2, 3] },
  { program: '(?:redis|valkey|keydb)-cli', after: 'auth|AUTH', positional: [0, 1] },
  { program: '(?:redis|valkey|keydb)-cli', after: 'setuser|SETUSER', positional: [1, 2, 3, 4] },
  { program: 'lftp', after: 'open', next: '-u|--user', behind: ',' },
  { program: 'open', next: '-u', behind: ',' },
  { program: 'pulumi', after: '--secret', positional: [1] },
  { program: '(?:net-?snmp|onesixtyone|.*snmp.*)', next: '--community' },
  { program: 'docker|podman', after: 'join', next: '--token' },
];

/** Programs that take a secret from standard input, with a word that must be there: what is echoed into them is one. */
export const READS_SECRET: readonly { readonly program: string; readonly word?: string }[] = [
  { program: 'chpasswd|chgpasswd|newusers' },
  { program: 'sudo', word: '-[a-zA-Z]*S[a-zA-Z]*|--stdin' },
  { program: 'passwd' },
  { program: 'smbpasswd', word: '--stdin|-s|-[a-zA-Z]*s[a-zA-Z]*' },
  { program: '.*', word: '--password-stdin|--passphrase-fd|--token-stdin|--with-token|password_stdin' },
  { program: 'su|kinit|cryptsetup|ecryptfs-.*|vncpasswd|mkpasswd|gpg2?|ssh-add|ykman' },
  { program: 'openssl', word: 'passwd|-stdin|stdin' },
  { program: 'docker|podman|helm|oc|gh|glab', word: 'login' },
  {
    program: 'docker|podman|wrangler|vercel|fly(?:ctl)?|heroku|gh|gcloud|terraform|hcloud|pass|secret-tool',
    word: 'secrets?|login|insert|store|context|put|set',
  },
  {
    program: '.*',
    word: '--?(?:[a-z]+-)*(?:pass(?:word|wd|phrase)?|secret|token)[a-z0-9-]*(?:stdin|-fd|fd)?|--?stdin-pass.*|--passwordbox',
  },
  { program: 'realm|adcli|keepassxc-cli|systemd-creds|telnet|sshfs|openconnect|vpnc|htpasswd|curl' },
];
