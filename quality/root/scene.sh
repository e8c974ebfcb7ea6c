#!/usr/bin/env bash
# The scene: a network of its own in which 198.51.100.0/24 and 203.0.113.0/24 answer for the rest of the world,
# what the scenario needs beforehand, and then the scenario itself.
set -eu
hostname quality
ip link set lo up
for range in 198.51.100.0/24 203.0.113.0/24 10.20.0.0/16; do ip route add local "$range" dev lo; done
cd /
# Nobody asks for the programs of the developer who runs this.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=xterm
user=$(cat /run/quality/as)
home=$(getent passwd "$user" | cut -d: -f6)
shell=$(getent passwd "$user" | cut -d: -f7)
export HOME=$home USER=$user LOGNAME=$user SHELL=$shell
rm -f /run/quality/gate.*
if [ -s /run/quality/prepare ]; then
  timeout 60 bash -eu /run/quality/prepare > /run/quality/prepare.out 2>&1 < /dev/null || {
    echo "prepare failed: $(tail -n 3 /run/quality/prepare.out | tr '\n' ' ')"
    exit 3
  }
fi
# Not below /run or /tmp: rules look at what is started there.
install -D -m 755 /run/quality/task /usr/local/lib/quality/task
# The name of the scenario stays among the ancestors of all that it starts: that is how its alerts are known.
launch="quality-scenario-$QUALITY_SCENARIO"
unset QUALITY_SCENARIO
runner=/run/quality/launch.sh
[ ! -e /run/quality/terminal ] || runner=/run/quality/launch-terminal.sh
status=0
setsid --wait setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups sh /run/quality/below.sh 16 sh "$runner" "$launch" > /run/quality/task.out 2>&1 < /dev/null || status=$?
echo "status $status"
tail -n 40 /run/quality/task.out
