# 30 losses of a convolutional, a residual, a recurrent network and two GPTs beside PyTorch's from the same weights and batches
# (tests/reference/make_curves.py, which says where the tolerances come from), in float32 and float64.
. "$(dirname "$0")/expect.sh"
reference=$source_dir/tests/reference/curves
cp "$source_dir/LICENSE" .
[ "$(wc -l <"$reference/curves.txt")" -eq 10 ] || complain 'expected ten curves'
while read -r name precision tolerance losses; do
    expect 0 ' 30 steps ' train "$reference/$name.yaml" -q -o "../$name-$precision" -s precision="$precision"
    sed -nE 's/^\{"kind": "step".*"loss": ([0-9.e+-]+),.*/\1/p' "../$name-$precision/metrics.jsonl" >../found
    [ "$(wc -l <../found)" -eq 30 ] || complain 'expected 30 losses'
    tr ' ' '\n' <<<"$losses" | paste - ../found | awk -v t="$tolerance" -v what="$name $precision" '
        { d = $1 - $2; d = d < 0 ? -d : d; if (!(d <= t)) { print what, "step", NR ": PyTorch", $1, "here", $2, "tolerance", t; bad = 1 }
          worst = d > worst ? d : worst }
        END { printf "%s: largest difference %.2g of %.2g\n", what, worst, t; exit bad }' || failures=$((failures + 1))
done <"$reference/curves.txt"
finish
