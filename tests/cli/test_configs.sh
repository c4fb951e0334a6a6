# Every sample configuration is short, resolves, and trains for two steps.
. "$(dirname "$0")/expect.sh"

cat "$source_dir"/docs/*.md >bible.txt # any text will do
"$program" data generate burgers -o burgers.h5 -n 200 >../out 2>../err || complain "no data for field-surrogate"
mkdir configs && cp "$source_dir"/configs/*.csv configs
for config in "$source_dir"/configs/*.yaml; do
    few=()
    case $config in *gpt* | *resnet*) few=(-s train.batch=4) ;; *char*) few=(-s train.batch=8) ;; esac
    words=("$config")
    name=$(basename "$config" .yaml)
    [ "$(wc -l <"$config")" -lt 40 ] || complain "expected fewer than 40 lines"
    data=$(sed -nE 's/^ *(x|file): (\/[^ ]*).*/\2/p' "$config" | head -1)
    if [ "$name" = hdf5 ]; then
        mkdir -p ../empty && cd ../empty
        expect 66 'train\.h5' train "$config"
        cd ../run
        continue
    fi
    if [ -n "$data" ] && [ ! -f "$data" ]; then
        echo "skipped $name: no $data (its package is named in the configuration)"
        continue
    fi
    if [ "$name" = asia ]; then # nothing to train
        expect 0 'lung' query "$config"
        continue
    fi
    if grep -Eq '^model: \{type: ' "$config"; then # a statistical model: to its end
        expect 0 ' steps in ' train "$config" -q -o "../$name"
        expect 0 "\"status\": \"finished\"" info --json "../$name"
        continue
    fi
    expect 0 ' total ' explain "$config"
    expect 0 ' 2 steps ' train "$config" -q -o "../$name" -s train.steps=2 -s train.target="''" "${few[@]}"
    grep -q '"status": "finished", "steps": 2' "../$name/summary.json" || complain "expected 2 steps in summary.json"
    cp "../$name/config.yaml" ../in/again.yaml
    expect 0 ' 2 steps ' train ../in/again.yaml -q -o "../$name-again"
    grep -o 'params_sha256": "[0-9a-f]*' "../$name/summary.json" >../first
    grep -o 'params_sha256": "[0-9a-f]*' "../$name-again/summary.json" >../second
    cmp -s ../first ../second || complain "the resolved configuration trains other parameters"
    cmp -s "../$name/config.yaml" "../$name-again/config.yaml" || complain "the resolved configuration is not its own resolution"
done

# A missed target is exit code 4, with the results.
words=(train -s "train.target=accuracy >= 0.999")
"$program" train -q -o ../missed -s train.steps=1 -s 'train.target=accuracy >= 0.999' >../out 2>../err
[ $? -eq 4 ] || complain "expected exit code 4"
grep -q 'target missed: accuracy' ../err || complain "expected the target to be named"
finish
