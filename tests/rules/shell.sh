#!/usr/bin/env bash
# Shell scripts parse, can be started, and are clean to shellcheck where that is installed.
set -euo pipefail

bad=0
mapfile -t scripts < <(grep -rlE '^#!(/usr/bin/env bash|/bin/(ba)?sh)' launch tests .ci | sort)
for script in "${scripts[@]}"; do
    bash -n "$script" || bad=1
    [ -x "$script" ] || { echo "$script is not executable" && bad=1; }
done
if command -v shellcheck >/dev/null; then
    shellcheck -x "${scripts[@]}" launch/*.sh || bad=1
else
    echo 'shellcheck is not installed: scripts were parsed only'
fi

[ "$bad" = 0 ] && echo "${#scripts[@]} scripts are in order"
exit $bad
