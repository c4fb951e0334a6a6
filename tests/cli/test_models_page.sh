# docs/models.md: every configuration in it resolves and trains two steps on the data that its shell lines make; its
# table of layers has every kind.
. "$(dirname "$0")/expect.sh"
page=$source_dir/docs/models.md
cp "$source_dir/README.md" .
allsum() { "$program" "$@"; }

awk -v dir=../in '/^```(sh|yaml)$/ { kind = substr($0, 4); n += kind == "yaml"; open = 1; file = sprintf("%s/%02d.%s", dir, kind == "sh" ? n + 1 : n, kind); next }
    /^```$/ { open = 0; next }
    open { print > file }' "$page"
count=0
for config in ../in/*.yaml; do
    count=$((count + 1))
    lines=${config%.yaml}.sh
    if [ -f "$lines" ]; then
        . "$lines" >../out 2>../err || complain "the lines before $config"
    fi
    expect 0 ' total ' explain "$config"
    expect 0 ' 2 steps ' train "$config" -q -o "../model-$count" -s train.steps=2
done
[ "$count" -ge 8 ] || complain "expected 8 configurations or more, found $count"
for family in mlp residual lstm gru gpt surrogate autoencoder; do
    grep -q "^name: $family$" ../in/*.yaml || complain "no $family"
done
for kind in $(sed -n 's/^AS_LAYER(\(.*\))$/\1/p' "$source_dir/src/nn/layer.def"); do
    sed -n '/^## Every layer/,/^## Defaults/p' "$page" | grep -qE "^\| .*\b$kind\b" || complain "no row for layer $kind"
done
# What comes after the last configuration: it is run when that model is there.
cp -r ../model-"$count" adapted
. ../in/"$(printf '%02d' $((count + 1)))".sh >../out 2>../err || complain 'the lines after the last configuration'
[ -s adapted.safetensors ] || complain 'no adapted.safetensors'
for number in 4 6 7; do # lstm, gpt, gated-gpt
    expect 0 . sample "../model-$number" -p "Allsum " -n 50
done
finish
