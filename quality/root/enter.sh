# enter UNSHARE_OPTION... SCRIPT: runs a script of /run/quality in new namespaces below a user namespace of their own.
# All ids are mapped to themselves: events have the ids of the host, but the rights of root reach only what the new
# namespaces own. No module, no device, no clock, no kernel log, no other mount of the host's file systems.
enter() {
  local gate=/run/quality/gate.$$ script=${*: -1} child
  mkfifo "$gate"
  # The shell that waits has no rights yet: they come with the exec that follows the mapping.
  unshare --user "${@:1:$#-1}" sh -c "read -r _ <&3; exec 3<&-; exec bash /run/quality/$script" 3< "$gate" &
  child=$!
  exec 4> "$gate"
  until [ "$(readlink "/proc/$child/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do :; done
  echo '0 0 4294967295' > "/proc/$child/uid_map"
  echo '0 0 4294967295' > "/proc/$child/gid_map"
  echo go >&4
  exec 4>&-
  wait "$child"
}
