# Questions to Bayesian networks: from a configuration with tables, from a trained model, and what cannot be answered.
. "$(dirname "$0")/expect.sh"
asia=$source_dir/configs/asia.yaml
expect 0 '^p\(evidence\) = 0\.4359706' query "$asia" --evidence dysp=yes --target lung
expect 0 '^  yes +0\.0550000000$' query "$asia" --target lung
expect 0 '"posterior": \{"lung": \{"yes": 0\.055' query "$asia" --target lung --json
expect 0 'xray +yes +known' query "$asia" --mpe -e xray=yes
expect 0 '^asia,smoke,tub,lung,bronc,either,xray,dysp$' query "$asia" --sample 100
[ "$(wc -l <../out)" -eq 101 ] || complain 'expected 100 samples'
expect 0 ',dysp,weight$' query "$asia" --sample 2 -e lung=yes
cp ../out ../first
expect 0 ',dysp,weight$' query "$asia" --sample 2 -e lung=yes
cmp -s ../first ../out || complain 'other samples for the same seed'
expect 65 'lung=yes, either=no cannot be together' query "$asia" -e lung=yes,either=no
expect 65 'no node is named "lng", did you mean "lung"' query "$asia" -e lng=yes
expect 65 'no node is named "x"' query "$asia" --target x
expect 65 'node lung has no level "maybe"; it has yes, no' query "$asia" -e lung=maybe
expect 64 'expected NODE=LEVEL, found "lung"' query "$asia" -e lung
expect 64 'two levels of lung are given' query "$asia" -e lung=yes,lung=no
expect 64 'expected one of --target, --mpe and --sample' query "$asia" --mpe --target lung
expect 66 'absent\.yaml' query absent.yaml
expect 78 'expected model: \{type: bayes_net' query "$source_dir/configs/hmm.yaml"

{ echo 'rain,wet'; for i in $(seq 30); do echo "$(echo 'no yes' | cut -d' ' -f$((i % 3 / 2 + 1))),$((i * 7 % 5 > 2))"; done; } >../in/rain.csv
cat >../in/rain.yaml <<'YAML'
data: {train: {format: csv, file: ../in/rain.csv}, columns: {code: all}}
model: {type: bayes_net, edges: [[rain, wet]]}
YAML
expect 0 '1 steps' train ../in/rain.yaml -q -o ../rain
expect 0 '^wet +2 +rain$' info ../rain
expect 0 '^  yes +0\.3437500000$' query ../rain --target rain
expect 0 'samples' eval ../rain -s data.test.file=../in/rain.csv
"$program" train ../in/rain.yaml -q -s 'model={type: bayes_net, structure: bic}' --max-steps-this-run 1 -o ../begun >../out 2>../err
expect 65 'begun/.*\.h5: query: the network is not trained to its end' query ../begun
"$program" train -q -o ../digits -s train.steps=1 >../out 2>../err || complain 'training'
expect 64 'expected a model of type bayes_net, found network' query ../digits
finish
