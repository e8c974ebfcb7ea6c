#!/bin/bash
# Plays two hosts on one machine: two daemons with host names of their own (in
# UTS namespaces) on two ports, two Alertmanagers as a cluster, one Prometheus,
# all on loopback, and a receiver that prints notifications. Needs root and a
# built bpfwarden; Debian's prometheus and prometheus-alertmanager. Ctrl-C ends
# everything. PORT, a multiple of ten, is the first of ten ports it uses.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
port=${PORT:-19400}
work=$(mktemp -d /tmp/bpfwarden-multi-host.XXXXXX)
pids=()
finish() {
	trap - EXIT INT TERM
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait || true
	rm -rf "$work"
}
trap finish EXIT INT TERM

receiver=$((port + 6))
node -e '
require("node:http").createServer((request, response) => {
	let body = "";
	request.on("data", (chunk) => (body += chunk)).on("end", () => {
		const { status, alerts } = JSON.parse(body);
		for (const { labels } of alerts) console.log(`notification: ${status} ${labels.alertname} on ${labels.instance}`);
		response.end();
	});
}).listen(Number(process.argv[1]), "127.0.0.1")' "$receiver" &
pids+=($!)

sed "s/127.0.0.1:5001/127.0.0.1:$receiver/" "$here/alertmanager.yml" >"$work/alertmanager.yml"
for member in 1 2; do
	prometheus-alertmanager --config.file="$work/alertmanager.yml" --storage.path="$work/alertmanager-$member" \
		--web.listen-address=127.0.0.1:$((port + member)) \
		--cluster.listen-address=127.0.0.1:$((port + 6 + member)) \
		--cluster.peer=127.0.0.1:$((port + 6 + 3 - member)) --cluster.peer-timeout=2s \
		>"$work/alertmanager-$member.log" 2>&1 &
	pids+=($!)
done

for host in a b; do
	[ "$host" = a ] && listen=$((port + 3)) || listen=$((port + 4))
	mkdir "$work/$host"
	sed -e "s/0.0.0.0:9477/127.0.0.1:$listen/" \
		-e "s/alertmanager-\([12]\):9093/127.0.0.1:$((port / 10))\1/g" \
		-e "s#/var/log/bpfwarden#$work/$host#" "$here/bpfwarden.toml" >"$work/$host/bpfwarden.toml"
	printf '[spool]\ndirectory = "%s/spool"\n' "$work/$host" >>"$work/$host/bpfwarden.toml"
	unshare --uts sh -c "hostname host-$host && exec node '$root/dist/main.js' --config.file='$work/$host/bpfwarden.toml'" \
		>"$work/$host/log" 2>&1 &
	pids+=($!)
done

# On real hosts prometheus.yml is used as it is: there the target names the host.
sed -e "s#\.\./\.\./prometheus#$root/prometheus#" -e "s/scrape_interval: 15s/scrape_interval: 1s/" \
	-e "s/\"alertmanager-1:9093\", \"alertmanager-2:9093\"/\"127.0.0.1:$((port + 1))\", \"127.0.0.1:$((port + 2))\"/" \
	-e "s/- targets: \[\"host-a:9477\", \"host-b:9477\"\]/- {targets: ['127.0.0.1:$((port + 3))'], labels: {instance: host-a}}\n      - {targets: ['127.0.0.1:$((port + 4))'], labels: {instance: host-b}}/" \
	-e '/relabel_configs/,$d' "$here/prometheus.yml" >"$work/prometheus.yml"
promtool check config "$work/prometheus.yml" >/dev/null
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/prometheus" \
	--web.listen-address=127.0.0.1:$((port + 5)) >"$work/prometheus.log" 2>&1 &
pids+=($!)

for listen in $((port + 3)) $((port + 4)); do
	for _ in $(seq 900); do
		curl -sf "http://127.0.0.1:$listen/-/ready" >/dev/null && break
		sleep 0.1
	done
	curl -sf "http://127.0.0.1:$listen/-/ready" >/dev/null || { cat "$work"/*/log >&2; exit 2; }
done
echo "ready: Prometheus http://127.0.0.1:$((port + 5)) Alertmanagers http://127.0.0.1:$((port + 1)) http://127.0.0.1:$((port + 2))"
echo "now: cp /bin/true /tmp/x && /tmp/x     (both daemons see it: they share one kernel)"
wait
