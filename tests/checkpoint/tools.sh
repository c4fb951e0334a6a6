#!/usr/bin/env bash
# usage: tools.sh PROGRAM SCRATCH: the tools of HDF5 read what we write.
set -euo pipefail
program=$1 scratch=$2/tools
if ! command -v h5dump >/dev/null || ! command -v h5ls >/dev/null; then
    echo 'skipped: h5dump and h5ls are not installed'
    exit 77
fi
rm -rf "$scratch"
mkdir -p "$scratch"
"$program" write "$scratch"
names=$(h5ls -r "$scratch/by-1.h5")
for want in '/params/a/weight +Dataset \{1000003\}' '/optimizer/v/a/weight +Dataset \{1000003\}' '/config +Dataset \{SCALAR\}'; do
    grep -qE "^$want$" <<<"$names" || { echo "h5ls does not list: $want" && echo "$names" && exit 1; }
done
# Element 1000002 of dataset 0 is ((1000002 * 2654435761) mod 1000003) / 2.
expected=$(((1000002 * 2654435761) % 1000003))
found=$(h5dump -y -d /params/a/weight -s 1000002 -c 1 "$scratch/by-1.h5" | grep -E '^ +[0-9.]+$' | tr -d ' ')
[ "$(awk -v v="$found" 'BEGIN { print 2 * v }')" = "$expected" ] || { echo "h5dump reads $found, expected $expected / 2" && exit 1; }
echo "h5ls and h5dump read the file"
