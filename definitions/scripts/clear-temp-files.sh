#!/usr/bin/env bash
# Parameters come as environment variables: days, folder, dryRun.
set -eu
: "${days:=7}" "${folder:=/tmp}" "${dryRun:=true}"

if [ ! -d "$folder" ]; then
    echo "no such folder: $folder" >&2
    exit 1
fi
echo "Scanning $folder for files older than $days days..."
listing=$(mktemp)
trap 'rm -f "$listing"' EXIT
find "$folder" -xdev -type f -mtime "+$days" -user "$(id -un)" -printf '%s\t%p\n' 2>/dev/null >"$listing" || true
count=$(wc -l <"$listing")
size=$(awk -F '\t' '{ sum += $1 } END { printf "%.1f", sum / 1048576 }' "$listing")

if [ "$dryRun" = true ]; then
    echo "Dry run: $count files ($size MB) would be deleted."
    exit 0
fi
cut -f 2- "$listing" | tr '\n' '\0' | xargs -0 -r rm -f --
echo "Deleted $count files totaling $size MB"
