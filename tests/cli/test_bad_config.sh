# Bad configurations and missing files: one clear line, the right exit code, nothing written.
. "$(dirname "$0")/expect.sh"

write() { # FILE; the text comes on stdin
    cat >"../in/$1"
}
write base.yaml <<'END'
seed: 3
data:
  train: {format: builtin, name: digits}
model:
  layers:
    - dense: {units: 8, activation: relu}
    - dense: 10
train: {batch: 32, steps: 2}
END
base=../in/base.yaml
mkfifo ../in/pipe.npy ../in/pipe.csv # nobody writes to them: not waited for
for kind in npy csv; do expect 65 "pipe\.$kind: expected a regular file" info --stats ../in/pipe.$kind; done
echo 'model: {layers: [dense: 10]}' >../in/no-data.yaml
expect 78 "no-data\.yaml:1:1: missing section 'data' \(what it learns from, such as " train ../in/no-data.yaml

expect 66 'absent\.yaml: cannot open: No such file' train absent.yaml
expect 66 'cannot read' train ../in
expect 78 '--set optimizer\.learning_rate=1: unknown key .optimizer\.learning_rate. \(did you mean .lr.\?\)' train $base -s optimizer.learning_rate=1
expect 78 'unknown key .epocs' train $base -s epocs=1
expect 78 "model: expected a map such as \\{type: ols\\}, found the word ols" train $base -s model=ols
expect 78 "optimizer\.groups: no parameter's name matches 'head\.\*'; there are: dense_1\.weight, dense_1\.bias" train $base -s 'optimizer.groups=[{match: head.*, lr: 0.1}]'
expect 78 "weight_decay 0.1 for '\*\.bias', but it matches only biases and norms" train $base -s 'optimizer.groups=[{match: "*.bias", weight_decay: 0.1}]'
expect 78 "optimizer\.groups: missing key 'match'" train $base -s 'optimizer.groups=[{lr: 0.1}]'
expect 78 'optimizer\.groups: expected a list' train $base -s 'optimizer.groups={lr: 0.1}'
expect 78 "unknown key .optimizer\.adam. \(a kind stands beside its options: \{type: adam, \.\.\.\}\)" train $base -s 'optimizer={adam: {lr: 0.1}}'
expect 78 "unknown key .loss.: it belongs below model:" train $base -s loss=mse
expect 78 'optimizer\.lr: expected a number' train $base -s optimizer.lr=fast
expect 78 'units: expected a whole number from 1' train $base -s model.layers.0.dense.units=-4
expect 78 'layer dense_2: .*expects 10 outputs, found 7' train $base -s model.layers.1.dense=7
expect 78 'give epochs .* or steps, not both' train $base -s 'train={epochs: 1, steps: 1}'
expect 78 "train.target: metric 'bleu' is not among .*: loss, accuracy, top_5_accuracy, macro_f1$" train $base -s 'data.test={format: builtin}' -s 'train.target=bleu >= 0.3'
expect 78 "train.target: metric 'recall' is not" train $base -s data.validation=0.1 -s 'train.target=recall >= 0.3'
expect 78 'train.target: neither data.test nor data.validation' train $base -s 'train.target=accuracy >= 0.3'
expect 71 'out of memory: [0-9.]+ GiB needed at once, this machine has' train $base -s 'model.layers=[{dense: 1000000}, {dense: 1000000}, {dense: 10}]'
expect 64 'expected KEY=VALUE' train $base -s seed
expect 78 'loss cross_entropy learns class labels, but the data have real targets \(labels: true of data\.train' train $base \
    -s 'data.train={format: builtin, name: linear}' -s 'model={layers: [{dense: 2}], loss: cross_entropy}'
expect 78 'loss mse learns real targets, but the data have class labels \(labels: false of data\.train' train $base -s model.loss=mse
expect 66 'train-images' train $base -s 'data.train={format: idx, x: train-images, y: train-labels}'

write typo.yaml <<'END'
modle: {layers: [dense: 10]}
END
expect 78 'typo\.yaml:1:1: unknown key .modle. \(did you mean .model.\?\)' train ../in/typo.yaml
write twice.yaml <<'END'
seed: 1
train: {steps: 2}
seed: 2
END
expect 78 'twice\.yaml:3:1: duplicate key .seed. \(first in line 1\)' train ../in/twice.yaml
write alias.yaml <<'END'
a: &a [x, x]
b: &b [*a, *a]
END
expect 78 'alias\.yaml:1:4: anchors' train ../in/alias.yaml
write tab.yaml <<'END'
train:
	steps: 1
END
expect 78 'tab\.yaml:2:1: ' train ../in/tab.yaml
printf 'seed: 1\nname: a\0b\n' | write nul.yaml
expect 78 'nul\.yaml:2:8: control character 0x00' train ../in/nul.yaml
printf '' | write empty.yaml
expect 78 'empty\.yaml:1:1: expected a map of sections' train ../in/empty.yaml
printf -- '- 1\n- 2\n' | write list.yaml
expect 78 'list\.yaml:1:1: expected a map of sections' train ../in/list.yaml
head -c 1100000 /dev/zero | tr '\0' '#' | write large.yaml
expect 78 'large\.yaml: larger than 1048576 bytes' train ../in/large.yaml
head -c 100000 /dev/zero | tr '\0' '[' | write deep.yaml
expect 78 'deep\.yaml:1:.*nested deeper than' train ../in/deep.yaml
head -c 4000 /dev/urandom | write random.yaml
expect 78 'random\.yaml' train ../in/random.yaml
printf 'a,b,c\n1,2,0\n3,4,0\n' | write one_class.csv
printf 'a,c\n1,1\n2,2\n3,2\n' >../in/from_one.csv
expect 78 'data with 3 classes expects 3 outputs, found 2 \(labels count from 0' train $base -s 'data.train={format: csv, file: ../in/from_one.csv, target: [c]}' -s train.batch=2 -s 'model.layers=[{dense: 2}]'
expect 78 'data with 1 class expects 1 output, found 10 \(data\.classes tells of more' train $base -s 'data.train={format: csv, file: ../in/one_class.csv, target: [c]}' -s train.batch=2
printf 'not an idx file at all' | write wrong.idx
expect 65 'wrong\.idx' train $base -s 'data.train={format: idx, x: ../in/wrong.idx, y: ../in/wrong.idx}'
printf 'seed: 3\ntrain:\n\tsteps: 2\n' | write tab.yaml
expect 78 'tab\.yaml:3:1: expected spaces before the first word of a line, found a tab' train ../in/tab.yaml
{ printf '\357\273\277' && cat $base; } | write marked.yaml # as Windows' editors begin a file
expect 0 ' 2 steps ' train ../in/marked.yaml -q -o ../marked
expect 78 '1 real target expects 1 output, found 2 \(labels: true of data\.train' train $base -s 'data.train={format: builtin, name: linear}' -s 'model.layers=[{dense: 2}]'
expect 65 'expected a regular file, found a directory' train $base -s 'data.train={format: hdf5, file: ../in, x: x, y: y}'
expect 64 "unknown key 'optimizr' \(did you mean 'optimizer'\?\)" train $base --allow-change optimizr.lr
# What cannot be wrong for sure is a warning: images with the channels first.
conv='model={layers: [{conv2d: {channels: 2, kernel: 3}}, {dense: 10}]}'
expect 0 ' 2 steps in .*; train loss [0-9.]+$' train $base -s 'data.train={format: builtin, name: digits, shape: [1, 8, 8]}' -s "$conv" -q -o ../first
grep -q '^warning: samples of 1x8x8 are read as images of height 1 and width 8 with 8 channels; .*the order height, width, channels$' ../err || complain 'no warning'
expect 0 ' 2 steps in .*; validation loss [0-9.]+,' train $base -s 'data.train={format: builtin, name: digits, layout: nchw}' -s "$conv" -s data.validation=0.2 -q -o ../moved
[ -s ../err ] && complain 'a warning without reason'
printf 'a,c,d,b\n1e300,1e300,1e300,1.5\n-1e300,1e300,-1e300,2.5\n' | write huge.csv
"$program" train -s 'data={train: {format: csv, file: ../in/huge.csv, target: [b]}}' -s 'model={layers: [{dense: 1}]}' -s 'train={batch: 2, steps: 2}' -q -o ../huge >../out 2>../err
[ $? -eq 3 ] && grep -Eq '^error: step 0: loss is (nan|inf); not finite first in the input, for samples' ../err || complain 'values that overflow'
printf '' | write empty.idx
expect 65 'empty\.idx' train $base -s 'data.train={format: idx, x: ../in/empty.idx, y: ../in/empty.idx}'
printf 'a,b,c\n1,2,0\n3,4\n' | write ragged.csv
expect 65 'ragged\.csv' train $base -s 'data.train={format: csv, file: ../in/ragged.csv, target: [c]}'
finish
