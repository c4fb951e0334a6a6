#!/usr/bin/env bash
# usage: nodes.sh MPIRUN ALLSUM ALLSUM_NODES SCRATCH
# The whole program on nodes that exchange messages ends with the bytes of a single process, through a stop on one layout and
# a resume on another.
set -euo pipefail
mpirun=$1 allsum=$2 nodes=$3 scratch=$4

rm -rf "$scratch"
mkdir -p "$scratch"
trap 'cat "$scratch/log"' ERR
cat >"$scratch/digits.yaml" <<'YAML'
name: nodes
seed: 7
lanes: 24
data:
  train: {format: builtin, name: digits}
  validation: 0.1
model:
  type: network
  layers:
    - dense: {units: 40, activation: relu}
    - dropout: 0.2
    - dense: {units: 10}
  loss: cross_entropy
optimizer: {type: adam, lr: 1.0e-3}
train: {batch: 100, steps: 30, clip_norm: 1.0}
YAML
state() { grep -o '"state_sha256": *"[0-9a-f]*"' "$1/summary.json"; }
many=("$mpirun" --oversubscribe --bind-to none -np)

"$allsum" train "$scratch/digits.yaml" -o "$scratch/one" >"$scratch/log" 2>&1
want=$(state "$scratch/one")
for ranks in 4 5; do
    "${many[@]}" "$ranks" "$nodes" train "$scratch/digits.yaml" -o "$scratch/$ranks" >"$scratch/log" 2>&1
    [ "$(state "$scratch/$ranks")" = "$want" ] || { echo "$ranks ranks: $(state "$scratch/$ranks"), expected $want"; exit 1; }
    cmp "$scratch/one/final.h5" "$scratch/$ranks/final.h5"
done
code=0
"${many[@]}" 4 "$nodes" train "$scratch/digits.yaml" --max-steps-this-run 13 -o "$scratch/stop" >"$scratch/log" 2>&1 || code=$?
[ "$code" = 75 ] || { echo "a stop after 13 steps: expected exit code 75, found $code"; exit 1; }
"${many[@]}" 3 "$nodes" train "$scratch/digits.yaml" -o "$scratch/stop" >"$scratch/log" 2>&1
[ "$(state "$scratch/stop")" = "$want" ] || { echo "stopped and resumed: $(state "$scratch/stop"), expected $want"; exit 1; }
echo "nodes of two ranks: $want"
