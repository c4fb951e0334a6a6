# What eval reports of classes, tokens and real targets: as a table and as JSON.
. "$(dirname "$0")/expect.sh"

cat "$source_dir"/docs/*.md >../in/text.txt
cat >../in/text.yaml <<'YAML'
name: text
data:
  train: {format: text, file: ../in/text.txt, context: 16, to: 0.9}
  test: {format: text, file: ../in/text.txt, context: 16, from: 0.9}
model: {layers: [{embedding: {vocabulary: 256, units: 8}}, {dense: {units: 256, over: last}}], loss: {cross_entropy: {label_smoothing: 0.1}}}
train: {batch: 32, steps: 30}
YAML
expect 0 'perplexity [0-9.]+, bits_per_byte [0-9.]+' train ../in/text.yaml -q -o ../text
expect 0 '^perplexity +[0-9.]+$' eval ../text
expect 0 '^256 classes, [0-9]+ of them in the data, 64 shown; --json has all$' eval ../text
expect 0 '"perplexity": ?[0-9.]+, ?"bits_per_byte": ?[0-9.]+' eval ../text --json
# A token is a byte here: perplexity is 2 to the power of bits for each byte.
awk -v json="$(cat ../out)" 'BEGIN {
    match(json, /"perplexity": ?[0-9.]+/); p = substr(json, RSTART, RLENGTH); sub(/.*: ?/, "", p)
    match(json, /"bits_per_byte": ?[0-9.]+/); b = substr(json, RSTART, RLENGTH); sub(/.*: ?/, "", b)
    d = log(p) / log(2) / b - 1; exit !(b > 1 && b < 9 && d * d < 1e-24)
}' || complain 'perplexity is not 2^bits_per_byte'

sed -e 's/context: 16/context: 16, tokens: bpe, vocabulary: 300/' -e 's/256/300/g' -e 's/name: text/name: pairs/' ../in/text.yaml >../in/pairs.yaml
expect 0 'bits_per_byte' train ../in/pairs.yaml -q -o ../pairs
# Tokens of more than one byte: fewer bits for each byte than the logarithm of the perplexity.
expect 0 '"bits_per_byte"' eval ../pairs --json
awk -v json="$(cat ../out)" 'BEGIN {
    match(json, /"perplexity": ?[0-9.]+/); p = substr(json, RSTART, RLENGTH); sub(/.*: ?/, "", p)
    match(json, /"bits_per_byte": ?[0-9.]+/); b = substr(json, RSTART, RLENGTH); sub(/.*: ?/, "", b)
    r = log(p) / log(2) / b; exit !(r > 1.1 && r < 4)
}' || complain 'bits_per_byte does not count bytes'
expect 78 "train.target: metric 'bits' is not among .*perplexity, bits_per_byte" train ../in/text.yaml -s 'train.target=bits <= 3' -o t

"$program" train -s 'data.test={format: builtin}' -s 'train={steps: 40, batch: 64}' -q -o ../digits >../out 2>../err || complain 'digits'
expect 0 '^ +class +precision +recall +f1 +support$' eval ../digits
[ "$(grep -cE '^ +[0-9] +[01]\.[0-9]{4} +[01]\.[0-9]{4} +[01]\.[0-9]{4} +[0-9]+$' ../out)" -eq 10 ] || complain 'ten classes'
[ "$(grep -A11 '^confusion' ../out | tail -11 | wc -w)" -eq 120 ] || complain 'ten rows of ten, and their classes'
expect 0 '"support": ?\[[0-9., ]+\]' eval ../digits --json

# Classes by name, in both tables and for programs; tokens by their text.
{ echo 'a,b,kind'; for i in $(seq 60); do echo "$((i % 7)),$((i % 5)),$(echo 'cat,dog,bird' | cut -d, -f$((i % 3 + 1)))"; done; } >../in/kinds.csv
"$program" train -s 'data={train: {format: csv, file: ../in/kinds.csv, target: [kind]}}' -s 'model={layers: [{dense: 3}]}' -s 'train={batch: 20, steps: 5}' \
    -q -o ../kinds >../out 2>../err || complain 'kinds'
expect 0 '^ +cat +[01]\.[0-9]{4}' eval ../kinds
grep -A1 '^confusion' ../out | tail -1 | grep -qE '^ +bird +cat +dog$' || complain 'confusion: no names above'
[ "$(grep -A4 '^confusion' ../out | tail -3 | awk '{ printf "%s,", $1; n += NF } END { print n }')" = 'bird,cat,dog,12' ] || complain 'confusion: no names beside'
expect 0 '"classes": ?\["bird", ?"cat", ?"dog"\]' eval ../kinds --json
expect 0 "^ +' ' +[01]\\.[0-9]{4}" eval ../text

# Real targets by name, several losses, and parts of the inputs that layers read by name.
printf 'a,b c,up,down\n%s\n' "$(for i in $(seq 60); do echo "$((i % 7)),$((i % 5)).5,$((i % 7 * 2)),$((i * i % 11))"; done)" >../in/table.csv
cat >../in/table.yaml <<'YAML'
name: table
data: {train: {format: csv, file: ../in/table.csv, target: [up, down]}, test: {format: csv, file: ../in/table.csv, target: [up, down]}}
model:
  layers:
    - dense: {units: 8, from: input.a, activation: tanh, name: left}
    - dense: {units: 8, from: ['input.b c'], activation: tanh, name: right}
    - concat: {from: [left, right], name: both}
    - dense: {units: 1, name: first}
    - dense: {units: 2, name: second, from: both}
  losses:
    - {loss: mse, from: first, target: up, weight: 0.5}
    - {loss: huber, from: second, name: together}
train: {batch: 12, steps: 200}
optimizer: {type: adam, lr: 2.0e-2}
YAML
expect 0 'up\.loss [0-9.]+, up\.rmse [0-9.]+, up\.mae [0-9.]+, up\.r2 0\.9[0-9]+, together\.loss' train ../in/table.yaml -q -o ../table
expect 0 '^up +[0-9.]+ +[0-9.]+ +0\.9[0-9]+$' eval ../table
expect 0 '^together: variables$' eval ../table
expect 0 '"together.targets": ?\{"up": ?\{"rmse": ?[0-9.]+, ?"mae": ?[0-9.]+, ?"r2": ?0\.9' eval ../table --json
# The loss of the first head is the square of its rmse, and the whole is their weighted sum.
awk -v json="$(cat ../out)" 'function number(key) {
    match(json, "\"" key "\": ?[0-9.e-]+"); text = substr(json, RSTART, RLENGTH); sub(/.*: ?/, "", text); return text + 0
}
BEGIN {
    a = number("up.rmse") ^ 2 - number("up.loss"); b = 0.5 * number("up.loss") + number("together.loss") - number("loss")
    exit !(a * a < 1e-12 && b * b < 1e-12 && number("loss") > 0)
}' || complain 'losses of heads do not add up'
expect 0 ' 200 steps' train ../in/table.yaml -q -o ../target -s 'train.target=up.r2 >= 0.9'
expect 78 'from: "input\.c": expected input\.a, input\.b c' train ../in/table.yaml -s 'model.layers.0={dense: {units: 8, from: input.c, name: left}}' -o t
expect 78 'target: "left" is none of up, down' train ../in/table.yaml -s 'model.losses.0={from: first, target: left}' -o t
expect 78 'expected target or columns, found both' train ../in/table.yaml -s 'model.losses.0={from: first, target: up, columns: [0, 0]}' -o t
expect 78 'expected a name of its own .* found "up"' train ../in/table.yaml -s 'model.losses.1={loss: huber, from: second, name: up}' -o t
expect 0 'input-b_c' explain ../in/table.yaml
expect 0 '^row +[0-9]|/output \(60, 1\)' predict ../table -i ../in/table.csv -o ../table.h5

# Training data that are augmented are judged as they are.
"$program" train -s 'data={train: {format: builtin, name: digits}, normalize: scale, augment: [{noise: 1.0}]}' -s 'train={steps: 40, batch: 64}' -q -o ../noisy \
    >../out 2>../err || complain 'augmented digits'
expect 0 '^accuracy +0\.[89]' eval ../noisy --on train
cp ../out ../with
expect 0 '^accuracy' eval ../noisy --on train -s 'data.augment=[]'
cmp -s ../out ../with || complain 'augmentation changes an evaluation'
finish
