#!/usr/bin/env bash
# Working on few rows at a time, and computing again in backward what was not kept, never change a bit: for every kind of layer the
# parameters after some steps are those of the plain run.
#
# usage: same_network.sh PROGRAM SCRATCH
set -uo pipefail
allsum=$1 scratch=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/runs.sh
source "$here/runs.sh"
fresh_scratch

images='data={train: {format: builtin, name: digits, shape: [8, 8, 1]}, normalize: scale}'
series='data={train: {format: builtin, name: digits}, normalize: scale}'
for i in $(seq 300); do echo "line $i of the text, $((i * 7919 % 1000))"; done >"$scratch/text.txt"
tokens="data={train: {format: text, file: $scratch/text.txt, context: 12}}"

# What is trained, by name: DATA LAYERS. The layers stand in a block whose values are kept or not; the last one behind it.
names=(cnn pools fields mixed lstm gru gpt gated adapters)
declare -A data layers last
data[cnn]=$images last[cnn]='dense: 10'
layers[cnn]='{conv2d: {name: a, channels: 6, bias: false}}, {batch_norm: {name: b, relu: true}}, {dropout_channel: 0.2},
    {conv2d: {name: c, channels: 6, bias: false}}, {stochastic_depth: 0.3}, {batch_norm: {from: [stochastic_depth_1, b], relu: true}}, {global_pool: {}}'
data[pools]=$images last[pools]='dense: 10'
layers[pools]='{conv2d: {channels: 4, activation: gelu}}, {max_pool: 2}, {conv_transpose: {channels: 3, stride: 2, activation: tanh}},
    {avg_pool: {size: 3, stride: 2, padding: same}}, {upsample: 2}, {group_norm: 1}, {flatten: {}}'
data[fields]=$images last[fields]='dense: 10'
layers[fields]='{reshape: {shape: [4, 4, 4, 1]}}, {conv3d: {channels: 3, activation: relu}}, {reshape: {shape: [64, 3]}},
    {conv1d: {channels: 4, stride: 2}}, {fourier: {features: 3, learn: true, sigma: 0.5}}, {affine: {}}, {flatten: {}}'
data[mixed]=$series last[mixed]='dense: 10'
layers[mixed]='{dense: {units: 16, over: last, name: a, activation: silu}}, {dense: {units: 16, over: last, name: b, from: input}}, {softmax: {}},
    {mul: {from: [a, softmax_1], name: m}}, {concat: {from: [m, b]}}, {slice: {start: 4, size: 20}}, {scale: 0.5}, {dropout: 0.3}, {flatten: {}}'
data[lstm]=$series last[lstm]='dense: 10'
layers[lstm]='{lstm: 9}, {dropout: 0.2}, {lstm: {units: 7, output: last}}'
data[gru]=$series last[gru]='dense: 10'
layers[gru]='{gru: 9}, {layer_norm: {}}, {gru: {units: 7, output: last}}'
data[gpt]=$tokens last[gpt]='dense: {units: 256, over: last}'
layers[gpt]='{embedding: {vocabulary: 256, units: 8}}, {position: {}}, {layer_norm: {name: n}}, {attention: {heads: 2, causal: true}},
    {dropout: 0.2}, {add: {name: s, from: [dropout_1, n]}}, {dense: {units: 24, over: last, activation: gelu}}, {dense: {units: 8, over: last}},
    {dropout: 0.2}, {add: {from: [dropout_2, s]}}'
data[gated]=$tokens last[gated]='dense: {units: 256, over: last, bias: false, share: tokens}'
layers[gated]='{embedding: {name: tokens, vocabulary: 256, units: 8}}, {rms_norm: {name: n}}, {attention: {heads: 4, kv_heads: 2, causal: true, rotary: true,
    bias: false}}, {add: {name: s, from: [attention_1, n]}}, {attention: {heads: 2, causal: true, from: [s, input]}}'
data[adapters]=$tokens last[adapters]='dense: {units: 256, over: last, lora: 2}'
layers[adapters]='{embedding: {vocabulary: 256, units: 8, freeze: true}}, {attention: {heads: 2, causal: true, lora: {rank: 2, alpha: 4}}},
    {dense: {units: 8, over: last, activation: gelu, lora: 3}}'

while read -r kind; do
    grep -qE "\b$kind: " <<<"${layers[*]} ${last[*]}" || complain "layer $kind stands in no network"
done < <(sed -n 's/^AS_LAYER(\(.*\))$/\1/p' "$here/../../src/nn/layer.def")

runs=0
for name in "${names[@]}"; do
    reference=''
    for way in '1 0 false' '2 0 true' '1 1 false' '2 7 false' '2 5 true'; do # threads, micro_batch, recompute
        read -r threads micro recompute <<<"$way"
        rm -rf "$scratch/run"
        text=${layers[$name]//$'\n'/ }
        tied=${last[$name]//share: /share: body.1.}
        on 1 "$threads" train -s "${data[$name]}" -s "model={layers: [{repeat: {name: body, times: 1, recompute: $recompute, layers: [$text]}}, {$tied}]}" \
            -s optimizer.type=adam -s optimizer.lr=1e-2 -s lanes=6 -s checkpoint.every=never -s 'train={batch: 45, steps: 4}' \
            -s "train.micro_batch=$micro" -o "$scratch/run" -q || {
            complain "$name, $threads threads, micro_batch $micro, recompute $recompute: exit code $?"
            show_output
            continue
        }
        runs=$((runs + 1))
        state=$(summary_text "$scratch/run" params_sha256)
        reference=${reference:-$state}
        if [ -z "$state" ] || [ "$state" != "$reference" ]; then
            complain "$name, $threads threads, micro_batch $micro, recompute $recompute: other parameters"
        fi
    done
    [ "$reference" != "${other:-}" ] || complain "two networks have the same parameters: this test sees nothing"
    other=$reference
done

# What looks at the whole batch cannot be cut: that is said, and not passed over.
on 1 1 train -s "$images" -s 'model={layers: [{batch_norm: {name: norm, over: batch}}, {dense: 10}]}' -s train.micro_batch=8 -o "$scratch/run" -q
if [ $? != 78 ] || ! grep -q 'layer norm: batch_norm over: batch wants the whole batch at once, found train.micro_batch: 8' "$scratch/output"; then
    complain 'micro_batch with over: batch is not refused'
    show_output
fi
[ $bad = 0 ] && echo "the same parameters in all $runs runs" && rm -rf "$scratch"
exit $bad
