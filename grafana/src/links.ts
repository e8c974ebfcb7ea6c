/** Links between the boards. Each carries what is chosen here: data source, job, time. */
export interface Drill {
  readonly title: string;
  readonly url: string;
}

/** A variable of Grafana, or one of its formats. */
export const variable = (name: string): string => `\${${name}}`;

const boardUrl = (uid: string, ...variables: readonly string[]): string =>
  `/d/${uid}?${[
    variable('datasource:queryparam'),
    variable('job:queryparam'),
    ...variables,
    variable('__url_time_range'),
  ].join('&')}`;

/** `value` is what holds the host's name at the place of the link, such as `__field.labels.instance`. */
export const toHost = (value: string): Drill => ({
  title: 'This host',
  url: boardUrl('bpfwarden-host', `var-instance=${variable(value)}`),
});

/** Detections of the chosen hosts, limited to one rule or severity. */
export const toDetections = (title: string, choose: 'rule' | 'severity', value: string): Drill => ({
  title,
  url: boardUrl('bpfwarden-detections', variable('instance:queryparam'), `var-${choose}=${variable(value)}`),
});
