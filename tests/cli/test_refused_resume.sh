# What a run may not be continued with: each refused by its name, and the run directory stays as it is.
. "$(dirname "$0")/expect.sh"

run=(train -o ../stopped -s data.validation=0.2 -s 'model={layers: [dense: 10]}' -s 'train={batch: 64, steps: 40}')
"$program" "${run[@]}" -q --max-steps-this-run 4 >../out 2>../err
[ $? -eq 75 ] || complain 'the run that is to be continued'
state() { find ../stopped -name '*.h5' -o -name config.yaml | sort | xargs sha256sum; }
before=$(state)

expect 78 'made with seed: 1, this run has 5' "${run[@]}" -s seed=5
expect 78 'made with lanes: [0-9]+, this run has 3' "${run[@]}" -s lanes=3
expect 78 'made with lanes: [0-9]+, this run has [0-9]+, and these keys differ: train\.batch; .* or give another run directory' "${run[@]}" -s train.batch=16
expect 78 'these keys differ: ([a-z.0-9_]+, ){7}[a-z.0-9_]+ and [0-9]+ more \(' "${run[@]}" -s 'data={train: {format: builtin}, normalize: mean_std, assign: contiguous, shuffle: false, missing: drop}' \
    -s 'optimizer={type: lamb}' -s precision=float64 -s 'model={layers: [{dense: {units: 10, bias: false, init: zeros}}]}' -s 'schedule={type: cosine}' -s lanes=4
expect 78 'these keys differ: data\.validation ' "${run[@]}" -s data.validation=0.3
expect 78 'these keys differ: optimizer\.lr, train\.steps ' "${run[@]}" -s train.steps=50 -s optimizer.lr=0.5
expect 78 'these keys differ: train\.steps ' "${run[@]}" -s train.steps=50 -s optimizer.lr=0.5 --allow-change optimizer
expect 65 'the training data .* are not those' "${run[@]}" -s data.validation=0.3 --allow-change data.validation
expect 73 'holds a run already' "${run[@]}" --resume never
expect 66 'absent\.h5: no such file or run directory' "${run[@]}" --resume absent.h5
[ "$(state)" = "$before" ] || complain 'a refused continuation changed the run directory'
finish
