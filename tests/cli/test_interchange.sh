# Weights to other files and back: what is exported starts another run as the same model; what does not fit is refused
# before training.
. "$(dirname "$0")/expect.sh"

net='model={layers: [{dense: {units: 12, activation: gelu}}, {dense: {units: 10, name: head}}]}'
still=(-s "$net" -s optimizer.lr=0 -s 'train={batch: 100, steps: 1}' -q)
"$program" train -s "$net" -s 'train={batch: 100, steps: 20}' -q -o ../model >../out 2>../err || complain 'training'
weights() { sed -n 's/.*"params_sha256": *"\([0-9a-f]*\)".*/\1/p' "$1/summary.json"; }

for format in safetensors npz; do
    for layout in torch native; do
        file=../in/$layout.$format
        expect 0 "$layout.$format: $format of" export ../model --to $format -o "$file" --layout $layout
        "$program" train "${still[@]}" -s start.from="$file" -s start.layout=$layout -o "../$layout-$format" >../out 2>../err ||
            complain "$file: not taken"
        [ -n "$(weights ../model)" ] && [ "$(weights ../model)" = "$(weights "../$layout-$format")" ] ||
            complain "$file: other weights"
    done
done
"$program" train "${still[@]}" -s start.from=../model/final.h5 -o ../again -q >../out 2>../err || complain 'final.h5: not taken'
[ "$(weights ../model)" = "$(weights ../again)" ] || complain 'final.h5: other weights'

"$program" train "${still[@]}" --fork ../model -o ../forked -q >../out 2>../err || complain '--fork RUN: not taken'
[ "$(weights ../model)" = "$(weights ../forked)" ] || complain '--fork RUN: other weights'
expect 66 'start\.from: absent: no such file or run directory' train -s "$net" --fork absent -o out_c
# A run directory is its final.h5, or its newest checkpoint: of a run that stopped early, and of one that went on after its end.
"$program" train -s "$net" -s 'train={batch: 100, steps: 20}' -q -o ../early --max-steps-this-run 7 >../out 2>../err
[ -e ../early/final.h5 ] && complain 'a run that stopped has a final.h5'
"$program" train -s "$net" -s 'train={batch: 100, steps: 7}' -q -o ../seven >../out 2>../err || complain 'training'
for way in "--fork ../early" "-s start.from=../early" "--resume ../early"; do
    rm -rf ../forked
    # shellcheck disable=SC2086
    "$program" train "${still[@]}" $way --allow-change train --allow-change optimizer -o ../forked >../out 2>../err || complain "$way: not taken"
    [ "$way" = "--resume ../early" ] || [ "$(weights ../seven)" = "$(weights ../forked)" ] || complain "$way: other weights than after 7 steps"
done
"$program" train -s "$net" -s 'train={batch: 100, steps: 7}' -q -o ../longer >../out 2>../err || complain 'training'
"$program" train -s "$net" -s 'train={batch: 100, steps: 30}' --allow-change train.steps -q -o ../longer --max-steps-this-run 4 >../out 2>../err
"$program" train -s "$net" -s 'train={batch: 100, steps: 11}' -q -o ../eleven >../out 2>../err || complain 'training'
"$program" train "${still[@]}" --fork ../longer -o ../on >../out 2>../err || complain 'a run that went on: not taken'
[ "$(weights ../eleven)" = "$(weights ../on)" ] || complain 'a run that went on: not its newest weights'
mkdir ../empty
expect 65 'start\.from: ../empty: no state of a run: looked for ../empty/final\.h5 and valid checkpoints ../empty/checkpoints/step' \
    train -s "$net" --fork ../empty -o out_c
expect 65 '^error: ../empty: no state of a run' eval ../empty
# What a run began with may be gone when it goes on.
cp ../model/final.h5 ../in/base.h5
"$program" train -s "$net" -s start.from=../in/base.h5 -s 'train={batch: 100, steps: 9}' -q -o ../child --max-steps-this-run 5 >../out 2>../err
rm ../in/base.h5
"$program" train -s "$net" -s start.from=../in/base.h5 -s 'train={batch: 100, steps: 9}' -q -o ../child >../out 2>../err ||
    complain 'a run goes on without what it began with'
expect 64 'without quotes and backslashes' train -s "$net" --fork 'a"b' -o out_c

# The same start without the file gives others: the comparison can fail.
"$program" train "${still[@]}" -o ../other >../out 2>../err || complain 'training'
[ "$(weights ../model)" != "$(weights ../other)" ] || complain 'weights do not depend on the start'

file=../in/torch.safetensors
small='model={layers: [{dense: {units: 12, activation: gelu}}, {dense: {units: 10, name: top}}]}'
steps='train={batch: 100, steps: 1}'
expect 78 'no array top\.weight; (did you mean|it has .*)head\.weight' train -s "$small" -s "$steps" -s start.from=$file -o ../out_a
expect 78 'head\.(weight|bias) has no place in the model' train -s "$small" -s "$steps" -s start.from=$file -s 'start.fresh=[top]' -o ../out_a
expect 0 '' train -s "$small" -s "$steps" -s start.from=$file -s 'start.fresh=[top]' -s 'start.ignore=[head]' -o ../out_a
expect 0 '' train -s "$small" -s "$steps" -s start.from=$file -s 'start.rename=[top=head]' -o ../out_b
expect 78 'expected OURS=THEIRS, found top' train -s "$small" -s "$steps" -s start.from=$file -s 'start.rename=[top]' -o out_c
expect 78 'dense_1\.weight.*expected shape 16x64, found 12x64' train -s "$net" -s 'model.layers.0.dense.units=16' -s "$steps" -s start.from=$file -o out_c
expect 78 'start\.fresh: the model has no layer hed with parameters' train -s "$net" -s "$steps" -s start.from=$file -s 'start.fresh=[hed]' -o out_c
expect 78 'start\.rename: the model has no layer or array hed with' train -s "$net" -s "$steps" -s start.from=$file -s 'start.rename=[hed=head]' -o out_c
expect 78 "start: missing key 'from'" train -s "$net" -s "$steps" -s 'start.fresh=[head]' -o out_c
expect 66 'absent\.npz' train -s "$net" -s "$steps" -s start.from=absent.npz -o out_c
printf 'no weights at all' >../in/text.npz
expect 65 'expected a safetensors or NPZ file' train -s "$net" -s "$steps" -s start.from=../in/text.npz -o out_c

# HDF5 that is no checkpoint may be of Keras, whose names are others; what is no HDF5 is not.
"$program" data generate heat -o ../in/other.h5 -n 4 -s points=8 -q >../out 2>../err || complain 'data generate'
expect 65 'other\.h5: .*\(a file of Keras: start\.layout: keras\)' train -s "$net" -s "$steps" -s start.from=../in/other.h5 -o out_c
expect 78 'other\.h5: no array dense_1\.kernel; ' train -s "$net" -s "$steps" -s start.from=../in/other.h5 -s start.layout=keras -o out_c
expect 65 'start\.layout: keras: expected an HDF5 file' train -s "$net" -s "$steps" -s start.from=$file -s start.layout=keras -o out_c

# A NaN is named: the first weight's four bytes, after the header, become one.
header=$(($(od -An -tu8 -N8 $file) + 8))
cp $file ../in/nan.safetensors
printf '\000\000\300\177' | dd of=../in/nan.safetensors bs=1 seek=$header conv=notrunc status=none
expect 65 'element 0 is nan' train -s "$net" -s "$steps" -s start.from=../in/nan.safetensors -o out_c

# So is what a float32 cannot hold: the first weight of a float64 file becomes 1e300.
"$program" train -s "$net" -s precision=float64 -s 'train={batch: 100, steps: 1}' -q -o ../wide >../out 2>../err || complain 'training'
expect 0 '' export ../wide --to safetensors -o ../in/wide.safetensors
header=$(($(od -An -tu8 -N8 ../in/wide.safetensors) + 8))
printf '\234\165\000\210\074\344\067\176' | dd of=../in/wide.safetensors bs=1 seek=$header conv=notrunc status=none
expect 65 'element 0 is 1e\+300, expected a finite float32' train -s "$net" -s "$steps" -s start.from=../in/wide.safetensors -o out_c

# Adapters: they alone train beside a base model, which the checkpoint still has and the optimizer keeps nothing for; export takes
# them into the weights, and that gives the same model without them.
lora=(-s 'model.layers.0.dense.lora={rank: 3, alpha: 6}' -s model.layers.1.dense.lora=2)
expect 0 '; 272 parameters train' explain -s "$net" "${lora[@]}"
"$program" train -s "$net" "${lora[@]}" -s 'train={batch: 100, steps: 20}' -s start.from=../model/final.h5 -o ../tuned >../out 2>../err ||
    complain 'adapters: not trained'
grep -q 'start: 4 arrays from .*model/final.h5' ../err && grep -q 'start: 4 arrays of adapters begin anew' ../err || complain 'adapters: not said'
expect 0 '/params/dense_1/lora_a ' info ../tuned/final.h5
expect 0 'loss ' eval ../tuned -q
loss=$(sed -n 's/^loss *\([0-9.]*\).*/\1/p' ../out)
expect 0 '' export ../tuned --to safetensors -o ../in/tuned.safetensors
expect 0 'head\.weight' info ../in/tuned.safetensors
grep -q 'lora' ../out && complain 'adapters: exported beside the weights'
"$program" train "${still[@]}" -s start.from=../in/tuned.safetensors -o ../folded >../out 2>../err || complain 'adapters: their model was not taken'
expect 0 'loss ' eval ../folded -q
awk -v a="$loss" -v b="$(sed -n 's/^loss *\([0-9.]*\).*/\1/p' ../out)" 'BEGIN { exit !(a > 0 && a - b < 1e-5 && b - a < 1e-5) }' || complain "folded: expected loss $loss"
"$program" info ../model/final.h5 ../tuned/final.h5 --diff >../out 2>../err # differences of what both have: not of the base
grep -q '^/params/dense_1/lora_a: only in' ../out || complain 'adapters: no difference is found at all'
grep '^/params' ../out | grep -v 'lora_[ab]: only in' && complain 'adapters: the base was trained'
expect 78 'lora_. has no place in the model .*allsum export takes adapters' train -s "$net" -s "$steps" -s start.from=../tuned/final.h5 -o out_c
expect 78 'layer dense_1: lora: expected a rank of at most 12, that of its weight 64 x 12, found 13' train -s "$net" -s model.layers.0.dense.lora=13 -o out_c
expect 78 'dense_1\.lora\.rank: expected a whole number from 1' train -s "$net" -s model.layers.0.dense.lora=0 -o out_c
expect 78 "unknown key 'dense_1\.lora\.rnk' \(did you mean 'rank'" train -s "$net" -s 'model.layers.0.dense.lora={rnk: 2}' -o out_c
expect 78 'layer dense_1: share: .*a weight with adapters \(lora\) belongs to one layer' train \
    -s 'model={layers: [{dense: {units: 64, name: a, lora: 2}}, {dense: {units: 64, share: a}}, {dense: {units: 10}}]}' -o out_c

expect 0 'model\.onnx: onnx of' export ../model --to onnx -o ../in/model.onnx
grep -q 'allsum' ../in/model.onnx && grep -q 'Erf' ../in/model.onnx || complain 'model.onnx: no operators'
# Attention with a mask, looking back, with shared keys: its mask is made of the data, and no query that sees nothing divides by 0.
masked='model={layers: [{slice: {from: input, start: 3, size: 1, name: column}}, {reshape: {shape: [8], name: mask}}, {attention: {name: look, heads: 4,
    kv_heads: 2, units: 16, head_width: 4, causal: true, from: [input, mask]}}, {dense: {units: 10}}]}'
"$program" train -s "$masked" -s "$steps" -q -o ../masked >../out 2>../err || complain 'training'
expect 0 'masked\.onnx: onnx of' export ../masked --to onnx -o ../in/masked.onnx
for word in Equal Not Cast Softmax Expand look_mask_row look_past look_seen_keys; do
    grep -q "$word" ../in/masked.onnx || complain "masked.onnx: no $word"
done
# Linear models: probabilities, expected counts with their exposure; others say so.
printf 'a,days,k,c\n%s\n' "$(for i in $(seq 60); do echo "$((i % 7)).5,$((1 + i % 3)),$((i * i % 5)),$((1 + i * i % 5 / 3))"; done)" >../in/linear.csv
for kind in 'logistic c a' 'poisson, exposure: days k a,days' 'gaussian_nb c a'; do
    set -- $kind
    name=${1%,} features=${!#}
    target=$(echo "$kind" | awk '{print $(NF - 1)}')
    "$program" train -s "data={train: {format: csv, file: ../in/linear.csv, target: $target, features: [$features]}}" -s "model={type: ${kind% * *}}" -q -o "../$name" >../out 2>../err || complain "training $name"
done
expect 0 'logistic\.onnx: onnx of' export ../logistic --to onnx -o ../in/logistic.onnx
grep -q 'Softmax' ../in/logistic.onnx || complain 'logistic.onnx: no operators'
expect 0 'poisson\.onnx: onnx of' export ../poisson --to onnx -o ../in/poisson.onnx
grep -q 'factor_column' ../in/poisson.onnx || complain 'poisson.onnx: no exposure'
expect 78 'a model of type gaussian_nb has no operators of ONNX' export ../gaussian_nb --to onnx -o ../in/nb.onnx
expect 64 'expected safetensors, npz.* or onnx' export ../model --to keras -o x
expect 64 '--to FORMAT and --out FILE are needed' export ../model
expect 73 '' export ../model --to npz -o ../absent/x.npz
# What is written replaces no device, data or model.
expect 73 '/dev/null: expected a file or a new name, found a device or pipe' export ../model --to npz -o /dev/null
expect 73 'expected a file or a new name, found a directory' export ../model --to npz -o ../in
expect 64 '--out \.\./in/data\.h5: expected a name that ends in \.onnx, found \.h5' export ../model --to onnx -o ../in/data.h5
before=$(sha256sum ../model/final.h5)
cp ../model/final.h5 ../in/copy
expect 64 'is a checkpoint, and would be replaced' export ../model --to npz -o ../in/copy
expect 64 'is the model itself, and would be replaced' export ../in/copy --to npz -o ../in/copy
[ -c /dev/null ] && [ "$(sha256sum ../model/final.h5)" = "$before" ] && cmp -s ../in/copy ../model/final.h5 || complain 'a file was replaced'

# The work space of an export or evaluation is that of a step of training: 1024 rows of this model would need 34 GiB.
for i in $(seq 400); do echo "a line of text, number $i"; done >../in/lines.txt
long='model={layers: [{embedding: {vocabulary: 256, units: 8}}, {dense: {units: 4096, over: last, activation: relu}}, {dense: {units: 256, over: last}}]}'
"$program" train -s "data={train: {format: text, file: ../in/lines.txt, context: 1024}, test: {format: text, file: ../in/lines.txt, context: 1024}}" \
    -s "$long" -s 'train={batch: 1, steps: 1}' -q -o ../long >../out 2>../err || complain 'training on text'
expect 0 'long\.onnx: onnx of' export ../long --to onnx -o ../in/long.onnx
expect 0 '^loss ' eval ../long
# A GPT whose last layer is its embedding turned over: one array in files, whatever they are, and the same model back.
cat >../in/tied.yaml <<'YAML'
data: {train: {format: text, file: ../in/lines.txt, context: 16}}
model:
  layers:
    - embedding: {name: tokens, vocabulary: 256, units: 16}
    - attention: {name: look, heads: 2, kv_heads: 1, causal: true, rotary: true, bias: false}
    - dense: {name: head, units: 256, over: last, bias: false, share: tokens}
optimizer: {type: adam, lr: 1.0e-2}
train: {batch: 16, steps: 30}
YAML
"$program" train ../in/tied.yaml -q -o ../tied >../out 2>../err || complain 'tied'
expect 0 . sample ../tied -p 'a line' -n 10
for format in safetensors npz; do
    expect 0 '' export ../tied --to $format -o ../in/tied.$format
    expect 0 'tokens\.weight ' info ../in/tied.$format
    grep -q 'head' ../out && complain "tied.$format: the shared array stands there twice"
    "$program" train ../in/tied.yaml -q -o "../tied-$format" -s start.from=../in/tied.$format -s optimizer.lr=0 -s train.steps=1 >../out 2>../err ||
        complain "tied.$format: not taken"
    [ "$(weights ../tied)" = "$(weights "../tied-$format")" ] || complain "tied.$format: other weights"
done
expect 0 'tied\.onnx: onnx of' export ../tied --to onnx -o ../in/tied.onnx
finish
