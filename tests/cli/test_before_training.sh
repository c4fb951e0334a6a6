# What is found before training starts, and said once: tokens without a row, blocks that nobody uses; what info says of
# files of arrays; one line for several ranks.
. "$(dirname "$0")/expect.sh"

cat "$source_dir"/docs/*.md >../in/text.txt
text='data={train: {format: text, file: ../in/text.txt, context: 16, tokens: bpe, vocabulary: 300}}'
few=(-s 'train={batch: 8, steps: 1}')
expect 78 'layer embedding_1: vocabulary: expected at least the 300 tokens of the data, found 256' train -s "$text" \
    -s 'model={layers: [{embedding: {vocabulary: 256, units: 4}}, {dense: {units: 300, over: last}}]}' "${few[@]}" -o t
expect 78 'layer embedding_1 \(embedding\) reads whole numbers: expected data\.normalize: none' train \
    -s 'data={train: {format: builtin, name: digits}, normalize: scale}' -s 'model={layers: [{embedding: {vocabulary: 17, units: 4}}, {dense: 10}]}' "${few[@]}" -o t
expect 65 'sample [0-9]+: element [0-9]+ is 16, but layer embedding_1 \(embedding\) has rows for whole numbers from 0 to 15' train \
    -s 'data={train: {format: builtin, name: digits}}' -s 'model={layers: [{embedding: {vocabulary: 16, units: 4}}, {dense: 10}]}' "${few[@]}" -o t
expect 0 ' 1 steps' train -s 'data={train: {format: builtin, name: digits}}' \
    -s 'model={layers: [{embedding: {vocabulary: 17, units: 4}}, {dense: 10}]}' "${few[@]}" -q -o ../whole
printf 'a,b,label\n1,2,0\n0,2.5,1\n1,0,0\n' >../in/table.csv
expect 65 'sample 1: element 1 is 2\.5, but' train -s 'data={train: {format: csv, file: ../in/table.csv, target: label}}' \
    -s 'model={layers: [{embedding: {vocabulary: 17, units: 4}}, {dense: 2}]}' -s 'train={batch: 3, steps: 1}' -o t

expect 78 'model\.blocks: no layer is of block spare; expected `- block: spare`' train \
    -s 'model={blocks: {used: [{dense: 8}], spare: [{dense: 4}]}, layers: [{block: used}, {dense: 10}]}' -s 'data={train: {format: builtin}}' "${few[@]}" -o t
expect 0 '^model\.layers\.repeat$' explain repeat
expect 0 '^model\.layers\.block$' explain block

"$program" export ../whole --to safetensors -o ../whole.st >../out 2>../err || complain 'export'
"$program" export ../whole --to npz -o ../whole.npz >../out 2>../err || complain 'export'
expect 0 'whole\.st: safetensors, 3 arrays, 2638 elements, 10\.6 kB' info ../whole.st
expect 0 'embedding_1\.weight +F32 +17x4' info ../whole.st
expect 0 'whole\.npz: npz, 3 arrays, 2638 elements' info ../whole.npz
expect 0 '"kind": ?"npz".*"name": ?"dense_1\.bias", ?"type": ?"float32", ?"shape": ?\[10\]' info ../whole.npz --json
head -c 300 ../whole.npz >../in/cut.npz
expect 65 'cut\.npz' info ../in/cut.npz
printf '\x05\0\0\0\0\0\0\0{"a":}' >../in/bad.safetensors
expect 65 'bad\.safetensors' info ../in/bad.safetensors
coads=/usr/share/ferret-vis/data/coads_climatology.cdf
if [ -f "$coads" ]; then
    expect 0 'netCDF, [0-9]+ variables' info "$coads"
    expect 0 'SST +float32 +12x90x180 +\(TIME, COADSY, COADSX\) fill' info "$coads"
fi

# A mistake in a configuration is one line, however many ranks read it.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
if command -v mpirun >/dev/null; then
    mpirun --oversubscribe --bind-to none -np 3 "$program" train -s model.layers.0.dense.units=0 >../out 2>../err </dev/null
    [ $? -eq 78 ] || complain 'expected exit code 78 of three ranks'
    [ "$(grep -c 'error:' ../err)" -eq 1 ] || complain 'expected one line of three ranks'
fi
# A layer that looks at the whole batch has no gradients of parts of it: what does not need them is judged.
cat >../in/whole.yaml <<'END'
data: {train: {format: builtin, name: digits}, normalize: scale}
model: {layers: [dense: 16, batch_norm: {over: batch, relu: true}, dense: 10]}
train: {batch: 64, steps: 5}
END
expect 0 'healthy: [0-9]+ rules checked, [0-9]+ not judged' diagnose ../in/whole.yaml

finish
