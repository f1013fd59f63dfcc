#!/bin/sh
# Back a folder up and say so:  backup.sh FOLDER ARCHIVE.tar.gz [NAME]
#
# backup_last_success_timestamp_seconds is written only when the archive is complete and readable; a backup that fails
# leaves the old time, and BackupFailed (rules/backup.yml) fires when that is 26 hours old. Run it daily.
set -eu

source=${1:?usage: backup.sh FOLDER ARCHIVE.tar.gz [NAME]}
archive=${2:?usage: backup.sh FOLDER ARCHIVE.tar.gz [NAME]}
name=${3:-data}
here=$(dirname "$0")

partial="$archive.partial"
trap 'rm -f "$partial"' EXIT
tar -czf "$partial" -C "$source" .
tar -tzf "$partial" >/dev/null
size=$(wc -c <"$partial")
mv -f "$partial" "$archive"

"$here/textfile.sh" "backup_$name" <<METRICS
# HELP backup_last_success_timestamp_seconds When the last complete backup was made.
# TYPE backup_last_success_timestamp_seconds gauge
backup_last_success_timestamp_seconds{backup="$name"} $(date +%s)
# HELP backup_last_size_bytes How big that backup is.
# TYPE backup_last_size_bytes gauge
backup_last_size_bytes{backup="$name"} $size
METRICS
