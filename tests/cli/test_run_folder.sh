# Folders of runs where something else was expected: what they are is said, and the command that is meant.
. "$(dirname "$0")/expect.sh"
runs=../runs
trains() { # NAME WORDS...
    "$program" train -q -o "$runs/$1" "${@:2}" >../out 2>../err
}
trains one -s train.epochs=1
trains part -s train.steps=9 --max-steps-this-run 5
trains whole -s train.steps=9
trains diverged -s 'optimizer={type: sgd, lr: 1e6}'
grep -q 'last good checkpoint: none; why: allsum diagnose [^ ]*/diverged$' ../err || complain 'no way to go from a loss that is not finite'
trains three -s train.epochs=1 --members 3
trains ols "$source_dir/tests/statistics/ols.yaml"

expect 0 'status: diverged, step [0-9]+, .*, checkpoint none$' info $runs/diverged
expect 64 'runs/diverged: expected a configuration, found a run, diverged at step [0-9]+; to go on: allsum train ../runs/diverged/config.yaml' train $runs/diverged
expect 64 'runs/ols: expected a configuration, found a run, finished at step [0-9]+; to judge it: allsum eval ' train $runs/ols

# The commands that are named do what is said.
expect 64 'runs/part: expected a configuration, found a run, stopped at step 5; to go on: allsum train [^ ]* -o [^ ]*$' train $runs/part
eval "\"$program\" $(sed 's/.*to go on: allsum//' ../err) -q" >../out 2>../err
expect 0 'the same' info --diff $runs/part/final.h5 $runs/whole/final.h5
expect 64 'runs/one: expected a configuration, found a run, finished at step 23; to train on: ' train $runs/one
eval "\"$program\" $(sed 's/.*to train on: allsum//; s/MORE/2/' ../err) -q" >../out 2>../err
expect 0 'status: finished, step 46,' info $runs/one

expect 64 'one/final\.h5: expected a configuration, found a checkpoint of step 46; .*--fork ' train $runs/one/final.h5

# A job that was killed leaves what was true at its last checkpoint, and nobody holds the lock.
"$program" train -q -t 1 -o $runs/killed -s train.epochs=1000000 -s 'checkpoint.every=5 steps' -s checkpoint.best=false >../out 2>../err &
job=$!
for i in $(seq 200); do grep -qs 'checkpoint": "[^"]*[1-9]' $runs/killed/status.json && break; sleep 0.1; done
expect 0 'status: running, step [1-9][0-9]*, .*, resumable true, checkpoint [^ ]*/step-' info $runs/killed
! grep -q 'was killed' ../out || complain 'a running job is called killed'
kill -9 $job
wait $job 2>/dev/null
expect 0 'no job holds [^ ]*/killed/LOCK: it was killed; the same command continues' info $runs/killed
expect 0 '"killed": true' info --json $runs/killed

# What stands in the files of a run is JSON inside of JSON, or a text there.
cp -r $runs/one $runs/spoilt
printf '{"status": running., "step": 0x10, "exit_code": 7}' >$runs/spoilt/status.json
printf '{"kind": "step", loss}\n' >>$runs/spoilt/metrics.jsonl
expect 0 '"status": "running\.", "step": "0x10", "exit_code": 7\}.*"last_metrics": "\{\\"kind\\": \\"step\\", loss\}"' info --json $runs/spoilt

# An ensemble is no run, its members are.
members='its 3 members [^ ]*three/member-1 \.\.\. [^ ]*three/member-3 are runs'
expect 64 "runs/three: expected a configuration, found the folder of an ensemble; $members; to go on: " train $runs/three
eval "\"$program\" $(sed 's/.*to go on: allsum//' ../err) -q -s train.epochs=2 --allow-change train.epochs" >../out 2>../err
[ "$(grep -c '^[^ ]*three/member-[1-3]: 46 steps' ../out)" = 3 ] || complain 'the members did not go on'
for verb in eval report verify probe; do expect 65 "$members" $verb $runs/three; done
for verb in diagnose explain; do expect 66 "$members" $verb $runs/three; done
expect 65 "$members" predict $runs/three --in x.csv --out x.h5
expect 0 '3 members of an ensemble' info $runs/three
[ "$(grep -c 'status: finished, step 46,' ../out)" = 3 ] || complain 'not every member is described'
expect 0 '"kind": "members", .*"kind": "run", .*member-3' info --json $runs/three
rm -r $runs/three/member-[23]
expect 65 'its member [^ ]*/member-1 is a run' eval $runs/three
finish
