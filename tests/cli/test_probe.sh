#!/usr/bin/env bash
# allsum probe: a report of a checkpoint, the same bytes for every layout; what cannot be judged says why.
#
# usage: test_probe.sh PROGRAM SCRATCH SOURCE_DIR
# shellcheck source=tests/cli/expect.sh
source "$(dirname "${BASH_SOURCE[0]}")/expect.sh"
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_rmaps_base_oversubscribe=1
if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

net='model.layers=[{dense: {units: 12, activation: relu}}, {dense: {units: 8, activation: tanh}}, {dense: {units: 10}}]'
make() { # NAME SETTINGS...
    local name=$1
    shift
    "$program" train "$source_dir/configs/digits.yaml" -q -s "$net" -s train.epochs=0 -s train.steps=30 "$@" -o "$scratch/in/$name" \
        >../out 2>../err || complain "training of $name"
}
make a
make b -s seed=7
make wide -s 'model.layers=[{dense: {units: 13}}, {dense: {units: 10}}]'
make sgd -s 'optimizer={type: sgd, lr: 0.01, momentum: 0.9}' -s lanes=1
make lion -s 'optimizer={type: lion, lr: 0.001}'

report=(probe ../in/a -q --rows 300 --what 'all,line' --to ../in/b --points 5 --products 8 --probes 3)
expect 0 'stable rate +below [0-9.e+-]+ = ' "${report[@]}" -t 1
cp ../out ../first
awk 'length($0) > 80 { print; bad = 1 } END { exit bad }' ../out || complain 'a line of more than 80 columns'
expect 0 'model' "${report[@]}" -t 3
cmp -s ../out ../first || complain 'other bytes on 3 threads'
for ranks in 2 4; do
    mpirun --oversubscribe --bind-to none -np $ranks "$program" "${report[@]}" -t 1 >../out 2>../err || complain "$ranks ranks failed"
    cmp -s ../out ../first || complain "other bytes on $ranks ranks"
done
ALLSUM_ISA=portable "$program" "${report[@]}" -t 1 >../out 2>../err || complain 'portable kernels failed'
cmp -s ../out ../first || complain 'other bytes from portable kernels'
expect 0 '"lambda_max": [0-9.e+-]+, "lambda_max_error": .*"lr_limit": [0-9.e+-]+' probe ../in/a -q --what curvature --json --rows 100
expect 0 '38 / sharpness .adam.|38 / sharpness .adamw.' probe ../in/a -q --what curvature --rows 0
expect 0 '3\.8 / lambda_max .sgd.' probe ../in/sgd -q --what curvature --rows 100
expect 0 'stable rate +not known for lion' probe ../in/lion -q --what curvature --rows 100
expect 0 'noise: not measured: one lane' probe ../in/sgd -q --what noise --rows 100
expect 0 'plane through three points' probe ../in/a -q --what line --to ../in/b --beside ../in/lion --points 4 --rows 50
expect 0 'two of the points are the same' probe ../in/a -q --what line --to ../in/a --rows 50
expect 0 'loss ' probe ../in/a -q --rows 1

expect 64 "did you mean 'noise'" probe ../in/a --what noize
expect 64 'second checkpoint by --to' probe ../in/a --what line
expect 64 '--rows' probe ../in/a --rows -1
expect 65 'another network' probe ../in/a -q --to ../in/wide
expect 66 'no such file' probe ../in/nothing
finish
