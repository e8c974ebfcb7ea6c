/**
 * What a secret looks like in arguments, URLs and texts, as RE2 patterns.
 * The first group, where there is one, is the part that is replaced; the rest
 * of the match stays readable. `needs` are lower-case texts, one of which
 * every match contains: RE2 in JavaScript costs microseconds, a search for a
 * literal nanoseconds, and nearly every string holds no secret.
 */
interface SecretPattern {
  readonly name: string;
  readonly pattern: string;
  readonly needs: readonly string[];
}

/** Words that name a secret: in options (--api-key=x), variables (API_KEY=x) and query parameters (?api_key=x). */
const NAMES =
  '(?:(?:secret|license|hmac|encrypt(?:ion)?|master|signing|account|storage|shared|app|consumer|deploy|service|root|subscription|auth)[-_]?key|psk|pre[-_]?shared[-_]?key|secret[-_]?string|authtoken|bearer|cookie|creds|pass(?:word|wd|phrase|code)?|pwd|secret|token|api[-_.]?key|apikey|access[-_]?key(?:[-_]?id)?|private[-_]?key|client[-_]?secret|auth(?:[-_]?token)?|credentials?|sig(?:nature)?|session[-_]?(?:id|key)|connection[-_]?string)';
const NAME_NEEDS = [
  'pass',
  'pwd',
  'secret',
  'token',
  'key',
  'auth',
  'cred',
  'sig',
  'session',
  'connection',
  'psk',
  'bearer',
  'cookie',
  '-pw',
  '-pat',
  'pw=',
  'pw =',
];
/** A value up to its end: quoted, or up to white space or the next parameter. */
const VALUE = `("[^"]*"|'[^']*'|[^\\s&"';,]+)`;

export const SECRET_PATTERNS: readonly SecretPattern[] = [
  {
    name: 'private key block',
    pattern:
      '-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----([\\s\\S]*?)(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|$)',
    needs: ['private key'],
  },
  {
    name: 'token that says whose it is',
    pattern:
      '\\b((?:tskey-[a-z]+-|nvapi-|xai-|CFPAT-|FLW(?:SECK|PUBK)(?:_TEST)?-|pul-|whsec_|LTAI|AKID|EAA|oy2|v1\\.0-|glrtr-|ops_|xoxe\\.|ctx7sk-|tvly-|pplx-|jina_|lsv2_[a-z]{2}_|phc_|phx_|rpa_|fio-u-|SWMTKN-1-)[A-Za-z0-9+/=_-]{18,}(?:\\.[A-Za-z0-9_-]{8,})*)',
    needs: [
      'tskey-',
      'nvapi-',
      'xai-',
      'cfpat-',
      'flwseck',
      'flwpubk',
      'pul-',
      'whsec_',
      'ltai',
      'akid',
      'eaa',
      'oy2',
      'v1.0-',
      'glrtr-',
      'ops_',
      'xoxe',
      'ctx7sk',
      'tvly-',
      'pplx-',
      'jina_',
      'lsv2_',
      'phc_',
      'phx_',
      'rpa_',
      'fio-u-',
      'swmtkn-1-',
    ],
  },
  { name: 'Dynatrace token', pattern: '\\b(dt0[a-z]\\d{2}\\.[A-Z0-9]{24}\\.[A-Za-z0-9]{32,})', needs: ['dt0'] },
  { name: 'old Vault token', pattern: '(?:^|[\\s=:"\'])(s\\.[A-Za-z0-9]{24})(?:[\\s"\']|$)', needs: ['s.'] },
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
  {
    name: 'password of a proxy in a URL',
    pattern: '\\b(?:trojan(?:-go)?|ss|vless|vmess|hysteria2?|tuic)://([^@\\s/]+)@',
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
  { name: 'Vault token', pattern: '\\b(hv[sbr]\\.[A-Za-z0-9_-]{20,})', needs: ['hvs.', 'hvb.', 'hvr.'] },
  { name: 'OpenAI, Anthropic key', pattern: '\\b(sk-[A-Za-z0-9_-]{20,})', needs: ['sk-'] },
  { name: 'Hugging Face token', pattern: '\\b(hf_[A-Za-z0-9]{20,})', needs: ['hf_'] },
  { name: 'PyPI token', pattern: '\\b(pypi-[A-Za-z0-9_-]{20,})', needs: ['pypi-'] },
  { name: 'SendGrid key', pattern: '\\b(SG\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,})', needs: ['sg.'] },
  { name: 'DigitalOcean token', pattern: '\\b(do[opr]_v1_[a-f0-9]{32,})', needs: ['_v1_'] },
  {
    name: 'GitLab tokens',
    pattern: '\\b(gl(?:rt|dt|cbt|ptt|ft|soat|agent|oas)-[A-Za-z0-9_-]{16,})',
    needs: ['glrt-', 'gldt-', 'glcbt-', 'glptt-', 'glft-', 'glsoat-', 'glagent-', 'gloas-'],
  },
  { name: 'Docker Hub token', pattern: '\\b(dckr_(?:pat|oat)_[A-Za-z0-9_-]{16,})', needs: ['dckr_'] },
  { name: 'Grafana token', pattern: '\\b(gl(?:sa|c)_[A-Za-z0-9+/=_-]{20,})', needs: ['glsa_', 'glc_'] },
  {
    name: 'Shopify token',
    pattern: '\\b(shp(?:at|ca|pa|ss)_[a-fA-F0-9]{24,})',
    needs: ['shpat_', 'shpca_', 'shppa_', 'shpss_'],
  },
  { name: 'Databricks token', pattern: '\\b(dapi[a-f0-9]{32}(?:-\\d)?)\\b', needs: ['dapi'] },
  {
    name: 'Atlassian token',
    pattern: '\\b(AT(?:ATT3|CTT3|BB)[A-Za-z0-9_=-]{16,})',
    needs: ['atatt3', 'atctt3', 'atbb'],
  },
  {
    name: 'Google OAuth token',
    pattern: '\\b(ya29\\.[A-Za-z0-9_-]{16,}|GOCSPX-[A-Za-z0-9_-]{20,})',
    needs: ['ya29.', 'gocspx-'],
  },
  { name: 'age key', pattern: '\\b(AGE-SECRET-KEY-1[A-Z0-9]{20,})', needs: ['age-secret-key-'] },
  {
    name: 'Terraform Cloud token',
    pattern: '\\b([A-Za-z0-9]{10,}\\.atlasv1\\.[A-Za-z0-9_-]{30,})',
    needs: ['.atlasv1.'],
  },
  {
    name: 'prefixed tokens',
    pattern:
      '\\b((?:sntr[yu]s|lin_api|ntn|secret|sbp|pscale_tkn|pscale_pw|bkua|rubygems|rnd|figd|NRAK|PMAK|HRKU|sq0[a-z]{3}|EAA[A-Z]|xkeysib|dp\\.pt|dp\\.st|fo1|r8|gsk|key)[_.-][A-Za-z0-9_.-]{24,})',
    needs: [
      'sntry',
      'lin_api',
      'ntn_',
      'secret_',
      'sbp_',
      'pscale_',
      'bkua_',
      'rubygems_',
      'rnd_',
      'figd_',
      'nrak-',
      'pmak-',
      'hrku-',
      'sq0',
      'eaa',
      'xkeysib-',
      'dp.pt.',
      'dp.st.',
      'fo1_',
      'r8_',
      'gsk_',
      'key-',
    ],
  },
  { name: 'Telegram bot token', pattern: '(?:\\b|bot)(\\d{8,10}:AA[A-Za-z0-9_-]{30,})', needs: [':aa'] },
  {
    name: 'Discord, Teams webhook',
    pattern: '(?:discord(?:app)?\\.com/api/webhooks/\\d+|webhook\\.office\\.com/webhookb2)/([A-Za-z0-9@/_-]+)',
    needs: ['/webhook'],
  },
  {
    name: 'Azure storage key',
    pattern: '(?i)\\b(?:AccountKey|SharedAccessKey|SharedSecret)=([A-Za-z0-9+/=]{16,})',
    needs: ['accesskey', 'accountkey', 'sharedsecret'],
  },
  {
    name: 'password in SQL',
    pattern: `(?i)\\b(?:identified\\s+(?:with\\s+\\S+\\s+)?by|with\\s+(?:encrypted\\s+)?password|set\\s+password\\s*(?:=|for\\s+\\S+\\s*=)|password)\\s+(?:password\\s*\\()?('[^']*'|"[^"]*")`,
    needs: ['identified', 'password'],
  },
  {
    name: 'netrc',
    pattern: '\\blogin\\s+\\S+\\s+password\\s+([^\\s"\']+)',
    needs: ['login'],
  },
  {
    name: 'call with a password',
    pattern: `(?i)\\b(?:db\\.auth|login|authenticate|(?:my|pg_|pg|ms)?sqli?_connect|set_?password|change_?(?:user)?_?password|password|(?:pragma\\s+)?(?:hex)?(?:re)?key)\\s*(?:\\(\\s*(?:["'][^"']*["']\\s*,\\s*){0,3}|=)\\s*("[^"]*"|'[^']*')`,
    needs: ['auth(', 'login(', 'authenticate(', 'key', 'connect(', 'password'],
  },
  {
    name: 'secure string of PowerShell',
    pattern: `(?i)convertto-securestring\\s+(?:-string\\s+)?("[^"]*"|'[^']*'|[^\\s-]\\S*)`,
    needs: ['securestring'],
  },
  {
    name: 'answer of debconf',
    pattern: '(?i)\\bpassword(?:[-_]again)?\\s+password\\s+([^\\s"\']+)',
    needs: ['password'],
  },
  { name: 'openssl pass:SECRET', pattern: '\\bpass:([^\\s]+)', needs: ['pass:'] },
  {
    name: 'option with a secret',
    pattern: `(?i)(?:^|\\s)--?(?:[a-z0-9]+[-_])*(?:${NAMES}|pw|pat)(?:=|\\s+)${VALUE}`,
    needs: NAME_NEEDS,
  },
  {
    name: 'assignment or parameter with a secret',
    pattern: `(?i)(?:^|[\\s?&;,"'{(\\[])"?(?:[a-z0-9]+[-_.])*(?:(?:[a-z0-9]*)${NAMES}|pw)\\\\*["']?\\]?\\s*[=:]\\s*\\\\*${VALUE}`,
    needs: NAME_NEEDS,
  },
];

/** Names that are too short to stand inside another word. */
const SHORT = '(?:pw|pat)';

/** An argument that announces a secret in the next one, such as --password. */
export const SECRET_OPTION = `(?i)^--?(?:[a-z0-9]+[-_.])*(?:(?:[a-z0-9]*)${NAMES}|${SHORT})$`;

/** A word that assigns a secret, however deep: --x-password=S, -Ddb.password=S, --from-literal=password=S, TOKEN=S, /password:S. */
export const SECRET_ASSIGNMENT = `(?i)(?:^|[^A-Za-z0-9])(?:(?:[a-z0-9]*)${NAMES}|${SHORT})(?:=|["']:)(.+)$`;
