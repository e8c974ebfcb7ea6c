// The rules and dashboards of bpfwarden as a monitoring mixin, for kube-prometheus and others that build from jsonnet.
// What it imports is generated from prometheus/rules and grafana/src.
{
  _config+:: {
    // Where docs/runbooks is served; every daemon serves it at /runbooks.
    runbookURL: '{{ $externalURL }}/user/runbooks',
    // Labels that every alert gets besides its own.
    alertLabels: {},
  },

  local served = '{{ $externalURL }}/user/runbooks',
  local adapted(rule) = rule {
    labels+: $._config.alertLabels,
    annotations+: {
      runbook_url: std.strReplace(rule.annotations.runbook_url, served, $._config.runbookURL),
    },
  },

  prometheusAlerts+:: {
    groups+: [
      group { rules: [adapted(rule) for rule in group.rules] }
      for group in (import 'alerts.json').groups
    ],
  },

  prometheusRules+:: (import 'rules.json'),

  grafanaDashboardFolder:: 'bpfwarden',
  grafanaDashboards+:: (import 'dashboards.libsonnet'),
}
