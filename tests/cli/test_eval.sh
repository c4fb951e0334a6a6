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
[ "$(grep -A10 '^confusion' ../out | tail -10 | wc -w)" -eq 100 ] || complain 'ten rows of ten'
expect 0 '"support": ?\[[0-9., ]+\]' eval ../digits --json
finish
