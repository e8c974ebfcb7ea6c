/**
 * What a secret looks like in arguments, URLs and texts, as RE2 patterns.
 * The first group, where there is one, is the part that is replaced; the rest
 * of the match stays readable. `needs` are lower-case texts, one of which
 * every match contains: RE2 in JavaScript costs microseconds, a search for a
 * literal nanoseconds, and nearly every string holds no secret.
 */
export interface SecretPattern {
  readonly name: string;
  readonly pattern: string;
  readonly needs: readonly string[];
}

/** Words that name a secret: in options (--api-key=x), variables (API_KEY=x) and query parameters (?api_key=x). */
const NAMES =
  '(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[-_]?key|apikey|access[-_]?key(?:[-_]?id)?|private[-_]?key|client[-_]?secret|auth(?:[-_]?token)?|credentials?|sig(?:nature)?|session[-_]?(?:id|key)|connection[-_]?string)';
const NAME_NEEDS = ['pass', 'pwd', 'secret', 'token', 'key', 'auth', 'credential', 'sig', 'session', 'connection'];
/** A value up to its end: quoted, or up to white space or the next parameter. */
const VALUE = `("[^"]*"|'[^']*'|[^\\s&"';,]+)`;

export const SECRET_PATTERNS: readonly SecretPattern[] = [
  {
    name: 'private key block',
    pattern: '-----BEGIN [A-Z ]*PRIVATE KEY-----([\\s\\S]*?)(?:-----END [A-Z ]*PRIVATE KEY-----|$)',
    needs: ['private key-----'],
  },
  {
    name: 'authorization header',
    pattern: `(?i)\\b(?:proxy-)?authorization\\s*[:=]\\s*(?:(?:basic|bearer|digest|token|negotiate|aws4-hmac-sha256|apikey)\\s+)?([^"'\\r\\n]+)`,
    needs: ['authorization'],
  },
  { name: 'bearer token', pattern: '(?i)\\bbearer\\s+([A-Za-z0-9._~+/=-]{6,})', needs: ['bearer'] },
  {
    name: 'header with a secret',
    pattern: `(?i)\\b(?:x-[a-z0-9-]*(?:key|token|secret|auth)|private-token|cookie|set-cookie|api-key)\\s*:\\s*([^"'\\r\\n]+)`,
    needs: ['key', 'token', 'secret', 'auth', 'cookie'],
  },
  {
    name: 'password in a URL',
    pattern: '[A-Za-z][A-Za-z0-9+.-]*://[^\\s/?#:@]*:([^\\s/?#]+)@',
    needs: ['://'],
  },
  { name: 'token in a URL', pattern: '[A-Za-z][A-Za-z0-9+.-]*://([A-Za-z0-9_.~%-]{16,})@', needs: ['://'] },
  {
    name: 'AWS access key',
    pattern: '\\b((?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16})\\b',
    needs: ['akia', 'asia', 'abia', 'acca', 'a3t'],
  },
  {
    name: 'JSON web token',
    pattern: '\\b(eyJ[A-Za-z0-9_-]{5,}\\.eyJ[A-Za-z0-9_-]{5,}\\.[A-Za-z0-9_-]*)',
    needs: ['eyj'],
  },
  {
    name: 'GitHub token',
    pattern: '\\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})',
    needs: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'],
  },
  { name: 'GitLab token', pattern: '\\b(glpat-[A-Za-z0-9_-]{16,})', needs: ['glpat-'] },
  { name: 'Slack token', pattern: '\\b(xox[abeoprs]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,})', needs: ['xox', 'xapp-'] },
  {
    name: 'Slack webhook',
    pattern: 'hooks\\.slack\\.com/(?:services|workflows)/([A-Za-z0-9/_-]+)',
    needs: ['hooks.slack.com'],
  },
  { name: 'Google API key', pattern: '\\b(AIza[A-Za-z0-9_-]{30,})', needs: ['aiza'] },
  { name: 'Stripe key', pattern: '\\b([rs]k_(?:live|test)_[A-Za-z0-9]{16,})', needs: ['k_live_', 'k_test_'] },
  { name: 'npm token', pattern: '\\b(npm_[A-Za-z0-9]{30,})', needs: ['npm_'] },
  {
    name: 'mysql -pSECRET',
    pattern: '(?:^|[\\s/])(?:mysql|mariadb)[a-z-]*\\s(?:.*?\\s)?-p([^\\s]+)',
    needs: ['mysql', 'mariadb'],
  },
  { name: 'sshpass -p SECRET', pattern: '(?:^|[\\s/])sshpass\\s(?:.*?\\s)?-p\\s*([^\\s]+)', needs: ['sshpass'] },
  { name: 'redis-cli -a SECRET', pattern: '(?:^|[\\s/])redis-cli\\s(?:.*?\\s)?-a\\s+([^\\s]+)', needs: ['redis-cli'] },
  {
    name: 'curl -u user:SECRET',
    pattern: `(?:^|[\\s/])(?:curl|wget|http|https)\\s(?:.*?\\s)?(?:-u|--user|--proxy-user)[\\s=]*[^\\s:]+:([^\\s]+)`,
    needs: ['curl', 'wget', 'http'],
  },
  { name: 'openssl pass:SECRET', pattern: '\\bpass:([^\\s]+)', needs: ['pass:'] },
  {
    name: 'option with a secret',
    pattern: `(?i)(?:^|\\s)--?(?:[a-z0-9]+[-_])*${NAMES}(?:=|\\s+)${VALUE}`,
    needs: NAME_NEEDS,
  },
  {
    name: 'assignment or parameter with a secret',
    pattern: `(?i)(?:^|[\\s?&;,"'{(])"?(?:[a-z0-9]+[-_.])*(?:[a-z0-9]*)${NAMES}"?\\s*[=:]\\s*${VALUE}`,
    needs: NAME_NEEDS,
  },
];

/** An argument that announces a secret in the next one, such as --password. */
export const SECRET_OPTION = `(?i)^--?(?:[a-z0-9]+[-_])*${NAMES}$`;

/** Options of single programs, by base name, whose value is a secret: in the next argument, or glued to it. */
export const PROGRAM_OPTIONS: readonly {
  readonly program: string;
  readonly option: string;
  readonly glued: boolean;
  readonly next: boolean;
  /** Only what follows the first colon is secret. */
  readonly afterColon?: true;
}[] = [
  { program: '^(?:mysql|mariadb)[a-z-]*$', option: '-p', glued: true, next: false },
  { program: '^sshpass$', option: '-p', glued: true, next: true },
  { program: '^redis-cli$', option: '-a', glued: false, next: true },
  { program: '^(?:curl|wget)$', option: '-u', glued: true, next: true, afterColon: true },
  { program: '^(?:curl|wget)$', option: '--user', glued: false, next: true, afterColon: true },
  { program: '^(?:curl|wget)$', option: '--proxy-user', glued: false, next: true, afterColon: true },
  { program: '^(?:ldapsearch|ldapmodify|ldapadd|ldapwhoami)$', option: '-w', glued: true, next: true },
  { program: '^(?:smbclient|rpcclient)$', option: '-U', glued: true, next: true, afterColon: true },
];
