# below.sh COUNT COMMAND...: runs a command below so many shells. Whoever runs the judge has npm and node among the
# ancestors, which rules ask for; an event names 16 ancestors, and those are then the scene's own.
count=$1
shift
if [ "$count" -gt 0 ]; then
  sh /run/quality/below.sh $((count - 1)) "$@"
else
  "$@"
fi
exit $?
