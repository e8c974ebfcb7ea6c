import { expect } from 'chai';
import { namesIn } from './support/promql.ts';
import { catalogSeries, recordedLabels, unknownNames } from './support/series.ts';

describe('names in PromQL expressions', () => {
  it('tells metrics from functions, aggregations, labels and durations', () => {
    expect(
      namesIn(`sum by (job, instance) (rate(a_total{event="x)", reason=~'by (z)'}[5m] offset 1h)) / on (job) group_left (rule)
        (b:c:rate5m > 0.8) # comment with by (nothing)`),
    ).to.deep.equal({
      selectors: [
        { metric: 'a_total', labels: ['event', 'reason'] },
        { metric: 'b:c:rate5m', labels: [] },
      ],
      grouping: ['job', 'instance', 'job', 'rule'],
    });
  });

  it('reads binary operators, a metric before "on", and trailing aggregation clauses', () => {
    expect(namesIn('a unless on (job) up and sum(b) without (le)')).to.deep.equal({
      selectors: ['a', 'up', 'b'].map((metric) => ({ metric, labels: [] })),
      grouping: ['job', 'le'],
    });
    expect(namesIn('a on (job) b').selectors.map(({ metric }) => metric)).to.deep.equal(['a', 'b']);
    expect(namesIn('vector(1)').selectors).to.deep.equal([]);
  });

  it('does not accept a selector without a name', () => {
    expect(() => namesIn('{job="x"}')).to.throw(/without a name/);
  });

  it('reports metrics and labels that the catalog does not have', () => {
    const known = catalogSeries();
    expect(unknownNames('sum by (event) (rate(bpfwarden_events_total[5m]))', known)).to.deep.equal([]);
    expect(unknownNames('sum by (event) (rate(bpfwarden_event_total[5m]))', known)).to.deep.equal([
      'unknown metric bpfwarden_event_total',
      'no metric of the expression has the label event',
    ]);
    expect(unknownNames('bpfwarden_events_total{kind="x"}', known)).to.deep.equal([
      'bpfwarden_events_total has no label kind',
    ]);
    expect(unknownNames('sum by (kind) (bpfwarden_events_total)', known)).to.have.length(1);
  });

  it('takes the labels of a recorded series from its level', () => {
    expect([...recordedLabels('instance_rule:bpfwarden_x:rate5m')]).to.deep.equal(['job', 'instance', 'rule']);
  });
});
