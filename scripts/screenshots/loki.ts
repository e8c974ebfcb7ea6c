import type { QueryData, SeriesData } from '../../grafana/render/src/types.ts';

/**
 * In the place of Loki, for pictures: takes what the sink otlp posts and
 * answers the few forms of LogQL that the boards use. What the queries mean
 * to a real Loki is checked by test/grafana/logs.test.ts as far as a parser can.
 */
interface Entry {
  /** Unix seconds. */
  readonly time: number;
  readonly labels: Readonly<Record<string, string>>;
}
interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface Posted {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeLogs: readonly {
      readonly logRecords: readonly { readonly timeUnixNano: string; readonly attributes: readonly KeyValue[] }[];
    }[];
  }[];
}

const labelsOf = (attributes: readonly KeyValue[]): [string, string][] =>
  attributes.map(({ key, value }) => {
    const [entry] = Object.values(value);
    return [key.replaceAll('.', '_'), typeof entry === 'object' ? JSON.stringify(entry) : String(entry)];
  });

export class LokiStandIn {
  readonly #entries: Entry[] = [];

  /** A body of POST /v1/logs. */
  take(body: string): void {
    for (const { resource, scopeLogs } of (JSON.parse(body) as Posted).resourceLogs)
      for (const { timeUnixNano, attributes } of scopeLogs.flatMap(({ logRecords }) => logRecords))
        this.#entries.push({
          time: Number(BigInt(timeUnixNano) / 1_000_000n) / 1000,
          labels: Object.fromEntries([...labelsOf(resource.attributes), ...labelsOf(attributes)]),
        });
  }

  /** The alerts that a log query selects, the newest first, with what its label_format makes. */
  logs(expr: string, from: number, to: number, limit: number): Entry[] {
    const made = [...expr.matchAll(/(\w+)=`([^`]*)`/g)].map(([, name = '', text = '']) => [name, text] as const);
    return this.#selected(expr)
      .filter(({ time }) => time >= from && time <= to)
      .sort((a, b) => b.time - a.time)
      .slice(0, limit)
      .map(({ time, labels }) => ({
        time,
        labels: { ...labels, ...Object.fromEntries(made.map(([name, text]) => [name, expandTemplate(text, labels)])) },
      }));
  }

  /** `[N *] sum [by (label)] (rate|count_over_time({…} [duration]))`, at each of the moments. */
  series(expr: string, moments: readonly number[], range: number): Pick<QueryData, 'series'> {
    const by = /by \((\w+)\)/.exec(expr)?.[1];
    const factor = Number(/^(\d+) \*/.exec(expr)?.[1] ?? 1) / (expr.includes('rate(') ? range : 1);
    const selected = this.#selected(expr);
    const groups = new Map<string, Entry[]>();
    for (const entry of selected) {
      const group = by === undefined ? '' : (entry.labels[by] ?? '');
      groups.set(group, [...(groups.get(group) ?? []), entry]);
    }
    const series = [...groups].map(([group, entries]): SeriesData => {
      const count = (at: number) => entries.filter(({ time }) => time <= at && time > at - range).length * factor;
      return { metric: by === undefined ? {} : { [by]: group }, values: moments.map((at) => [at, String(count(at))]) };
    });
    return { series };
  }

  #selected(expr: string): Entry[] {
    const selector = /\{([^}]*)\}/.exec(expr)?.[1] ?? '';
    const matchers = [...selector.matchAll(/(\w+)=(~?)"([^"]*)"/g)];
    return this.#entries.filter(({ labels }) =>
      matchers.every(([, name = '', regex, value = '']) =>
        regex === '~' ? new RegExp(`^(?:${value})$`).test(labels[name] ?? '') : labels[name] === value,
      ),
    );
  }
}

/** `{{ .name }}` and `{{ if .name }}…{{ else if .name }}…{{ end }}`; a name that is not there is empty. */
function expandTemplate(template: string, labels: Readonly<Record<string, string>>): string {
  const chosen = template.replace(/\{\{ if \.(\w+) \}\}(.*?)\{\{ end \}\}/g, (_, first: string, rest: string) => {
    const [head = '', ...others] = rest.split(/\{\{ else if \.(\w+) \}\}/);
    const branches = [[first, head] as const];
    for (let index = 0; index < others.length; index += 2)
      branches.push([others[index] ?? '', others[index + 1] ?? '']);
    return branches.find(([name]) => (labels[name] ?? '') !== '')?.[1] ?? '';
  });
  return chosen.replace(/\{\{ \.(\w+) \}\}/g, (_, name: string) => labels[name] ?? '');
}
