/** The exposition formats, by what Prometheus calls them. */
export type Format = 'text' | 'openmetrics';

interface Negotiated {
  readonly format: Format;
  readonly contentType: string;
}

const TEXT: Negotiated = { format: 'text', contentType: 'text/plain; version=0.0.4; charset=utf-8' };
const ESCAPINGS = new Set(['allow-utf-8', 'underscores', 'dots', 'values']);
/** More than any scraper sends; a longer header is not looked at further. */
const MAX_RANGES = 32;

/**
 * The format for an Accept header: the supported media range of the highest
 * quality, the first of equals; text 0.0.4 where none is supported. Prometheus
 * 3 asks for an escaping of names: ours need none, so each is granted.
 */
export function negotiate(accept: string | undefined): Negotiated {
  let best = TEXT;
  let bestQuality = 0;
  for (const range of splitOutsideQuotes(accept ?? '', ',').slice(0, MAX_RANGES)) {
    const [media = '', ...rest] = splitOutsideQuotes(range, ';').map((part) => part.trim());
    const parameters = new Map(
      rest.map((part) => {
        const [key = '', value = ''] = part.split('=', 2);
        return [key.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1')] as const;
      }),
    );
    const quality = qualityOf(parameters.get('q'));
    if (quality <= bestQuality) continue;
    const answer = answerFor(media.toLowerCase(), parameters);
    if (answer === undefined) continue;
    best = answer;
    bestQuality = quality;
  }
  return best;
}

function answerFor(media: string, parameters: ReadonlyMap<string, string>): Negotiated | undefined {
  const version = parameters.get('version');
  const asked = parameters.get('escaping');
  const escaping = asked !== undefined && ESCAPINGS.has(asked) ? `; escaping=${asked}` : '';
  if (media === 'application/openmetrics-text') {
    if (version !== undefined && version !== '1.0.0' && version !== '0.0.1') return undefined;
    return {
      format: 'openmetrics',
      contentType: `application/openmetrics-text; version=${version ?? '1.0.0'}; charset=utf-8${escaping}`,
    };
  }
  if (media === 'text/plain' && version === '1.0.0')
    return { format: 'text', contentType: `text/plain; version=1.0.0; charset=utf-8${escaping}` };
  if (media === 'text/plain' && (version === undefined || version === '0.0.4')) return TEXT;
  return media === '*/*' || media === 'text/*' ? TEXT : undefined;
}

function qualityOf(text: string | undefined): number {
  if (text === undefined) return 1;
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : 0;
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let part = '';
  let quoted = false;
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    if (character === separator && !quoted) {
      parts.push(part);
      part = '';
    } else part += character;
  }
  parts.push(part);
  return parts;
}
