#!/bin/sh
# Write metrics for the agent's textfile collector (or node_exporter's):  textfile.sh NAME < metrics
#
# The page is written beside its place and renamed over it, so that no scrape ever reads half of it. A page that promtool
# refuses is not put there, where promtool is installed.
# The folder is TEXTFILE_DIRECTORY, by default `textfile` beside this script, which burnline.yml reads.
set -eu

name=${1:?usage: textfile.sh NAME < metrics}
case $name in
  *[!a-zA-Z0-9_-]*)
    echo "textfile.sh: the name \"$name\" may have letters, digits, - and _ only" >&2
    exit 1
    ;;
esac
folder=${TEXTFILE_DIRECTORY:-$(dirname "$0")/textfile}
mkdir -p "$folder"

page=$(mktemp "$folder/.$name.XXXXXX") # the collector reads *.prom only
trap 'rm -f "$page"' EXIT
cat >"$page"
if command -v promtool >/dev/null 2>&1; then
  # Only what cannot be read stops us; advice on names does not.
  promtool check metrics <"$page" >&2 || [ $? -eq 3 ]
fi
chmod 644 "$page"
sync "$page" 2>/dev/null || true
mv -f "$page" "$folder/$name.prom"
