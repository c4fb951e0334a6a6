#!/usr/bin/env bash
# predict --uncertainty: the same file for every layout, more doubt far from the data than among them, and refusals.
#
# usage: uncertainty.sh PROGRAM SCRATCH
set -uo pipefail
allsum=$1 scratch=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch

# Two clouds of 40 points about (-1, 0) and (1, 0), and points to judge: 20 among them, 20 ten times as far off the axis.
awk 'BEGIN { srand(3); print "a,b,y"; for (i = 0; i < 80; i++) { s = i % 2; printf "%.6f,%.6f,%d\n", 2 * s - 1 + 0.6 * (rand() - 0.5) * 2, 2 * rand() - 1, s } }' >"$scratch/train.csv"
awk 'BEGIN { srand(5); print "a,b"; for (i = 0; i < 20; i++) printf "%.6f,%.6f\n", 2 * (i % 2) - 1, 2 * rand() - 1 }' >"$scratch/near.csv"
awk 'BEGIN { srand(7); print "a,b"; for (i = 0; i < 20; i++) printf "%.6f,%.6f\n", rand() - 0.5, 20 * (i % 2) - 10 }' >"$scratch/far.csv"
cat >"$scratch/c.yaml" <<EOF
data: {train: {format: csv, file: $scratch/train.csv, target: [y]}}
model: {layers: [{dense: {units: 16, activation: tanh}}, {dropout: 0.2}, {dense: {units: 2}}], loss: cross_entropy}
optimizer: {type: adam, lr: 0.01}
lanes: 4
train: {batch: 16, epochs: 40}
checkpoint: {every: 2 epochs, keep: 12}
EOF
on 1 1 train "$scratch/c.yaml" -o "$scratch/run" -q || { complain 'train' && show_output; }
on 2 1 train "$scratch/c.yaml" -o "$scratch/ensemble" -q --members 3 || { complain 'train --members' && show_output; }

mean_of() { # FILE.h5 DATASET
    h5dump -d "$2" "$1" | sed -n 's/^ *([0-9]*): //p' | tr ',' '\n' | awk 'NF { s += $1; n++ } END { printf "%.9f\n", s / n }'
}
judge() { # NAME RUN OPTIONS...
    local name=$1 run=$2 where
    shift 2
    for where in near far; do
        on 1 1 predict "$run" --in "$scratch/$where.csv" --out "$scratch/$where.h5" "$@" || { complain "$name, $where: exit code $?" && show_output; }
    done
    on 3 2 predict "$run" --in "$scratch/far.csv" --out "$scratch/three.h5" "$@" || { complain "$name on 3 ranks: exit code $?" && show_output; }
    cmp -s "$scratch/far.h5" "$scratch/three.h5" || complain "$name: 3 ranks x 2 threads write another file"
    near=$(mean_of "$scratch/near.h5" /uncertainty/total) far=$(mean_of "$scratch/far.h5" /uncertainty/total)
    awk -v n="$near" -v f="$far" 'BEGIN { exit !(f > n && n >= 0 && f < 0.6932) }' || complain "$name: doubt $near near the data, $far far from them; at most ln 2"
    awk -v t="$far" -v a="$(mean_of "$scratch/far.h5" /uncertainty/aleatoric)" -v e="$(mean_of "$scratch/far.h5" /uncertainty/epistemic)" \
        'BEGIN { d = t - a - e; exit !(d < 1e-6 && d > -1e-6) }' || complain "$name: total is not the sum"
}
if command -v h5dump >/dev/null; then
    judge dropout "$scratch/run" --uncertainty dropout
    judge laplace "$scratch/run" --uncertainty laplace
    judge 'laplace, full' "$scratch/run" --uncertainty laplace --laplace full --samples 20
    judge 'laplace, diagonal' "$scratch/run" --uncertainty laplace --laplace diagonal --samples 20
    judge swag "$scratch/run" --uncertainty swag
    judge ensemble "$scratch/ensemble" --uncertainty ensemble
else
    skip 'no h5dump here (package hdf5-tools)'
fi

refuses() { # CODE REGEX WORDS...
    local code=$1 regex=$2 found=0
    shift 2
    on 1 1 predict "$@" --in "$scratch/near.csv" --out "$scratch/no.h5" || found=$?
    if [ $found != "$code" ] || ! grep -Eq -- "$regex" "$scratch/output"; then
        complain "expected $code /$regex/, found $found"
        show_output
    fi
    [ ! -e "$scratch/no.h5" ] || complain 'a file was written'
}
refuses 64 "expected ensemble, dropout, laplace or swag, found 'bayes'" "$scratch/run" --uncertainty bayes
refuses 64 'go with --uncertainty' "$scratch/run" --samples 9
refuses 66 'member-1: not there' "$scratch/run" --uncertainty ensemble
refuses 64 'expected last_layer, diagonal or full' "$scratch/run" --uncertainty laplace --laplace half
refuses 78 'at least 2 checkpoints' "$scratch/run/final.h5" --uncertainty swag
sed -i 's/, {dropout: 0.2}//' "$scratch/c.yaml"
on 1 1 train "$scratch/c.yaml" -o "$scratch/plain" -q || complain 'train without dropout'
refuses 78 'no layer that drops anything' "$scratch/plain" --uncertainty dropout

# Dropout inside of a block is dropout: it gives masks, and the posterior is that of the network without it. A rate of 0 is none.
blocked='model.layers=[{dense: {units: 16, activation: tanh}}, {block: inner}, {dense: {units: 2}}]'
on 1 1 train "$scratch/c.yaml" -s "$blocked" -s 'model.blocks={inner: [{dropout: 0.3}, {stochastic_depth: 0.2}]}' -o "$scratch/blocked" -q || complain 'train a block'
on 1 1 predict "$scratch/blocked" --in "$scratch/far.csv" --out "$scratch/masks.h5" --uncertainty dropout || complain 'masks of a block'
on 1 1 predict "$scratch/blocked" --in "$scratch/far.csv" --out "$scratch/with.h5" --uncertainty laplace || { complain 'laplace with a block' && show_output; }
on 1 1 predict "$scratch/blocked" --in "$scratch/far.csv" --out "$scratch/without.h5" --uncertainty laplace -s 'model.blocks={inner: [{dropout: 0}, {stochastic_depth: 0}]}' ||
    { complain 'laplace without dropout' && show_output; }
for what in total epistemic; do
    [ "$(mean_of "$scratch/with.h5" /uncertainty/$what)" = "$(mean_of "$scratch/without.h5" /uncertainty/$what)" ] || complain "laplace: $what depends on dropout"
done
refuses 78 'no layer that drops anything' "$scratch/blocked" --uncertainty dropout -s 'model.blocks={inner: [{dropout: 0}, {stochastic_depth: 0}]}'

[ $bad = 0 ] && echo 'uncertainty is the same on every layout, and grows away from the data' && rm -rf "$scratch"
exit $bad
