#!/usr/bin/env bash
# docs/formats.md names every array that a statistical model leaves under /params and /inference.
set -euo pipefail

bad=0
names=$(grep -rhoE '"/(params|inference)/[A-Za-z0-9_]+"' src/estimator | tr -d '"' | grep -v '/NAME$' | sort -u)
[ "$(wc -l <<<"$names")" -ge 80 ] || { echo 'too few arrays found in src/estimator'; bad=1; }
while read -r path; do
    name=${path##*/}
    if ! grep -Eq "\`(/(params|inference)/)?$name\`" docs/formats.md; then
        echo "docs/formats.md lacks $path"
        bad=1
    fi
done <<<"$names"

[ "$bad" = 0 ] && echo "$(wc -l <<<"$names") arrays are described"
exit $bad
