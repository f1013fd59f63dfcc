#!/bin/sh
# Say that a version was deployed:  announce-deployment.sh SERVICE VERSION
#
# Call it when the traffic has moved. DeploymentCompleted (rules/events.yml) logs it for a quarter of an hour.
set -eu

service=${1:?usage: announce-deployment.sh SERVICE VERSION}
version=${2:?usage: announce-deployment.sh SERVICE VERSION}
here=$(dirname "$0")
case $service$version in
  *[!a-zA-Z0-9._+-]*)
    echo "announce-deployment.sh: service and version may have letters, digits and . _ + - only" >&2
    exit 1
    ;;
esac

"$here/textfile.sh" "deployment_$(printf %s "$service" | tr -c 'a-zA-Z0-9_-' _)" <<METRICS
# HELP deployment_timestamp_seconds When this version was deployed.
# TYPE deployment_timestamp_seconds gauge
deployment_timestamp_seconds{service="$service",version="$version"} $(date +%s)
METRICS
