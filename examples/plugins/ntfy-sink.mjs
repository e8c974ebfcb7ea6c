// A sink: sends a push message to an ntfy topic (https://ntfy.sh, or your own
// server) for each alert.
//
// [[sinks]]
// name = "ntfy"
// type = "plugin"
// module = "/etc/bpfwarden/plugins/ntfy-sink.mjs"
// options = "https://ntfy.example.com/bpfwarden"
// min_severity = "critical"

const PRIORITY = { info: '2', warning: '3', critical: '5' };

export default {
  apiVersion: 1,
  kind: 'sink',

  create({ options, hostName }) {
    const url = new URL(options);
    return {
      // Returning means delivered. A throw means: keep these alerts and try again later.
      async deliver(alerts) {
        for (const alert of alerts) {
          const response = await fetch(url, {
            method: 'POST',
            redirect: 'error',
            headers: {
              Title: `${alert.severity} on ${hostName}: ${alert.rule.name}`.replaceAll(/[^\x20-\x7e]/g, '?'),
              Priority: PRIORITY[alert.severity],
              // A repeated delivery can be recognised by it.
              'X-Alert-Id': alert.alert_id,
            },
            body: `${alert.label}\n${alert.process?.command_line ?? ''}`.slice(0, 1000),
          });
          if (!response.ok) throw new Error(`ntfy answered ${response.status}`);
        }
      },
    };
  },
};
