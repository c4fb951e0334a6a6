#!/usr/bin/env bash
# train --lr-range: losses for rising rates and a suggestion on stdout, the same for every layout; nothing is written.
#
# usage: test_lr_range.sh PROGRAM SCRATCH SOURCE_DIR
# shellcheck source=tests/cli/expect.sh
source "$(dirname "${BASH_SOURCE[0]}")/expect.sh"

base=$source_dir/configs/digits.yaml
for wrong in 1 1:2:3:4 0:1 1:0.1 a:b 1e-6:1:1 1e-6:1:x 1e-6:1e9; do
    expect 64 '--lr-range: expected LOW:HIGH or LOW:HIGH:STEPS' train "$base" --lr-range "$wrong"
done

range=(train "$base" -q -s 'optimizer={type: sgd}' --lr-range 1e-4:100:60)
expect 0 'suggestion: lr [0-9.e+-]+, where the smooth loss falls fastest; it is lowest at [0-9.e+-]+, and explodes' "${range[@]}" -t 1
cp ../out ../first
[ -z "$(ls -A .)" ] || complain "expected nothing written, found $(ls -A .)"
grep -Eq '^0\.0001 ' ../out || complain 'expected the lowest rate first'
awk '/^[0-9]/ { if ($1 <= last) exit 1; last = $1 }' ../out || complain 'expected rising rates'
expect 0 'suggestion' "${range[@]}" -t 2
cmp -s ../first ../out || complain 'other numbers with two threads'
suggested=$(sed -n 's/^suggestion: lr \([^,]*\),.*/\1/p' ../out)
awk -v lr="$suggested" 'BEGIN { exit !(lr > 0.001 && lr < 10) }' || complain "expected a rate that trains, found '$suggested'"
expect 0 'no suggestion|suggestion' train "$base" -q --lr-range 1e-30:1e-29:3
expect 0 '^lr +loss +smooth' train "$base" -q --lr-range 1e-6:1e6:40
finish
