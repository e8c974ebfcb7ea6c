import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { expect } from 'chai';
import { parse } from 'yaml';
import { MIXIN, mixinFiles } from '../../scripts/generate-mixin.ts';
import { readDashboards } from '../grafana/support/boards.ts';
import { type Rule, readRules, run } from './support/files.ts';

interface Groups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

function jsonnet<T>(expression: string): T {
  const { status, stdout, stderr } = run('jsonnet', '-e', expression);
  expect(status, stderr).to.equal(0);
  return JSON.parse(stdout) as T;
}
const MIXED = '(import "prometheus/mixin/mixin.libsonnet")';
const rulesOf = ({ groups }: Groups) => groups.flatMap(({ rules }) => rules);
const names = (rules: readonly Pick<Rule, 'alert' | 'record'>[]) => rules.map(({ alert, record }) => alert ?? record);

describe('the mixin for kube-prometheus', () => {
  it('is what its source generates', () => {
    for (const [name, text] of Object.entries(mixinFiles()))
      expect(readFileSync(join(MIXIN, name), 'utf8'), `${name}: run npm run generate`).to.equal(text);
  });

  it('has every alert, recording rule and dashboard', () => {
    const all = readRules();
    const alerts = rulesOf(jsonnet<Groups>(`${MIXED}.prometheusAlerts`));
    const records = rulesOf(jsonnet<Groups>(`${MIXED}.prometheusRules`));
    expect(names(alerts)).to.have.members(names(all.filter(({ alert }) => alert !== undefined)));
    expect(names(records)).to.have.members(names(all.filter(({ record }) => record !== undefined)));
    expect(jsonnet<object>(`${MIXED}.grafanaDashboards`)).to.have.keys(
      readDashboards().map(({ uid }) => `${uid}.json`),
    );
  });

  it('leads to the runbooks that are configured, and adds labels', () => {
    const config = '{ _config+:: { runbookURL: "https://wiki.example.com/x", alertLabels: { team: "security" } } }';
    const alerts = rulesOf(jsonnet<Groups>(`(${MIXED} + ${config}).prometheusAlerts`));
    for (const { alert, annotations, labels } of alerts) {
      expect(annotations?.runbook_url).to.equal(`https://wiki.example.com/x/${alert}.md`);
      expect(labels).to.include({ team: 'security' }).and.to.have.property('severity');
    }
  });

  it('is a PrometheusRule that the operator takes, with the rules as they are', () => {
    const object = parse(readFileSync(join(MIXIN, 'prometheusrule.yaml'), 'utf8'));
    new PrometheusRule(object).validate();
    expect(() => new PrometheusRule({ ...object, spec: { groups: [{ name: 1 }] } }).validate()).to.throw();
    const own = readRules().map(({ file: _, ...rule }) => rule);
    expect(rulesOf(object.spec as Groups)).to.have.deep.members(own);
    const { status, stderr } = run('promtool', 'check', 'rules', '--lint=none', join(MIXIN, 'alerts.json'));
    expect(status, stderr).to.equal(0);
  });
});
