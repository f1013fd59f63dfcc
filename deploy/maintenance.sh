#!/bin/sh
# Announce maintenance, or its end:  maintenance.sh begin|end
#
# MaintenanceActive (rules/events.yml) logs it while it lasts. It silences nothing.
set -eu

here=$(dirname "$0")
case ${1:-} in
  begin) active=1 ;;
  end) active=0 ;;
  *)
    echo "usage: maintenance.sh begin|end" >&2
    exit 1
    ;;
esac

"$here/textfile.sh" maintenance <<METRICS
# HELP maintenance_active 1 while somebody works on this machine.
# TYPE maintenance_active gauge
maintenance_active $active
METRICS
