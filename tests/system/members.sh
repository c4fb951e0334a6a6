#!/usr/bin/env bash
# Several trainings by groups of ranks: each member is the run that its seed alone gives, whatever the groups were.
#
# usage: members.sh PROGRAM SCRATCH
set -uo pipefail
allsum=$1 scratch=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch

states() { # DIR COUNT
    local k
    for ((k = 1; k <= $2; k++)); do summary_text "$1/member-$k" state_sha256; done
}
for ranks in 1 2 5; do
    on $ranks 1 train -s train.epochs=1 -o "$scratch/$ranks" -q --members 3 || { complain "$ranks ranks: exit code $?" && show_output; }
    [ "$(states "$scratch/$ranks" 3)" = "$(states "$scratch/1" 3)" ] || complain "members of $ranks ranks differ from those of one"
done
on 2 1 train -s train.epochs=1 -s seed=3 -o "$scratch/alone" -q || complain "alone: exit code $?"
[ "$(summary_text "$scratch/alone" state_sha256)" = "$(summary_text "$scratch/1/member-3" state_sha256)" ] || complain 'member 3 is not the run of seed 3'
[ "$(states "$scratch/1" 3 | sort -u | wc -l)" = 3 ] || complain 'members do not differ'

# Stopped members go on; one that fails ends with its code, and nobody hangs.
code=0
on 2 1 train -s train.epochs=2 -o "$scratch/stopped" -q --members 2 --max-steps-this-run 5 || code=$?
[ $code = 75 ] || complain "stopped: expected exit code 75, found $code"
on 1 1 train -s train.epochs=2 -o "$scratch/stopped" -q --members 2 || complain "continued: exit code $?"
on 2 1 train -s train.epochs=2 -o "$scratch/whole" -q --members 2 || complain "whole: exit code $?"
[ "$(states "$scratch/stopped" 2)" = "$(states "$scratch/whole" 2)" ] || complain 'stopped and continued members differ'
code=0
on 3 1 train -s 'optimizer={type: sgd, lr: 1e6}' -o "$scratch/diverged" -q --members 3 || code=$?
[ $code = 3 ] || complain "diverged: expected exit code 3, found $code"

[ $bad = 0 ] && echo 'members are what their seeds alone give' && rm -rf "$scratch"
exit $bad
