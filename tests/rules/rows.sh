#!/usr/bin/env bash
# What a row of a table of kinds brings along where no program asks for it: a data format its line in docs/formats.md, an
# instrument its line in docs/probe.md, an export its word in docs/interchange.md, a statistical model the configuration that
# tests/statistics/layouts.sh runs.
set -euo pipefail

bad=0
rows() { # TABLE MACRO
    sed -n "s/^$2(\(.*\))\$/\1/p" "src/$1" | grep . || { echo "src/$1: no rows of $2" >&2 && exit 1; }
}
lacks() { # PAGE WHAT KIND
    echo "$1 lacks $2 $3"
    bad=1
}

for kind in $(rows data/format.def AS_FORMAT); do
    grep -qE "^\| .*\`$kind\`" docs/formats.md || lacks docs/formats.md 'data format' "$kind"
done
for kind in $(rows probe/probe.def AS_PROBE); do
    grep -q "^| \`$kind\` |" docs/probe.md || lacks docs/probe.md instrument "$kind"
done
for kind in $(rows run/export.def AS_EXPORT); do
    grep -qi "\b$kind\b" docs/interchange.md || lacks docs/interchange.md export "$kind"
done
for kind in $(rows estimator/estimator.def AS_ESTIMATOR); do
    [ "$kind" = network ] || [ -f "tests/statistics/$kind.yaml" ] || lacks tests/statistics "$kind.yaml for the model" "$kind"
done

[ "$bad" = 0 ] && echo 'every row has what belongs to it'
exit $bad
