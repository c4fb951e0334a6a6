# Text of models of tokens: the same for any ranks and threads, another for another seed, and clear refusals.
. "$(dirname "$0")/expect.sh"

cat "$source_dir"/docs/*.md >../in/text.txt
train() { # NAME TOKENS LAYERS...
    local name=$1 tokens=$2
    shift 2
    {
        printf 'name: %s\nlanes: 3\n' "$name"
        echo "data: {train: {format: text, file: ../in/text.txt, context: 24, tokens: $tokens, vocabulary: 300}}"
        echo "model: {layers: [$*], loss: cross_entropy}"
        echo 'train: {batch: 16, steps: 20}'
        echo 'optimizer: {type: adam, lr: 1.0e-2}'
    } >"../in/$name.yaml"
    expect 0 ' 20 steps ' train "../in/$name.yaml" -q -o "../$name"
}
gpt='{embedding: {vocabulary: 300, units: 16}}, position, {attention: {heads: 2, causal: true, rotary: true}}, layer_norm, {dense: {units: 300, over: last}}'
train gpt bpe "$gpt"
train lstm bytes '{embedding: {vocabulary: 256, units: 8}}, {lstm: 16}, {gru: 12}, {dense: {units: 256, over: last}}'

text() { # FILE WORDS...: a text, longer than two contexts, into FILE
    local file=$1
    shift
    "$program" sample "$@" -p 'One step' -n 70 >"$file" 2>../err </dev/null || complain "sample $*"
}
for model in gpt lstm; do
    text ../$model.1 ../$model --threads 1
    [ "$(head -c 8 ../$model.1)" = 'One step' ] || complain "$model: the prompt is not the beginning"
    [ "$(wc -c <../$model.1)" -gt 60 ] || complain "$model: a short text"
    text ../$model.3 ../$model --threads 3
    text ../$model.again ../$model --seed 1 --temperature 1 --top-p 1
    text ../$model.other ../$model --seed 2
    cmp -s ../$model.1 ../$model.3 || complain "$model: another text with three threads"
    cmp -s ../$model.1 ../$model.again || complain "$model: another text for the same seed"
    cmp -s ../$model.1 ../$model.other && complain "$model: the same text for another seed"
    text ../$model.cold ../$model --temperature 0
    text ../$model.one ../$model --top-k 1 --seed 7
    text ../$model.tiny ../$model --top-p 1e-9 --seed 8
    cmp -s ../$model.cold ../$model.one || complain "$model: top-k 1 is not the most likely token"
    cmp -s ../$model.cold ../$model.tiny || complain "$model: a small top-p is not the most likely token"
    # More tokens begin with the fewer ones.
    "$program" sample ../$model -p 'One step' -n 20 >../short 2>../err || complain "$model: a short text"
    cmp -s -n "$(($(wc -c <../short) - 4))" ../short ../$model.1 || complain "$model: the beginning depends on the length"
    # A prompt longer than the context, and from a file.
    head -c 200 ../in/text.txt >../in/prompt.txt
    expect 0 . sample ../$model --prompt-file ../in/prompt.txt -n 5
    expect 0 . sample ../$model --prompt-file ../in/prompt.txt -n 5 --continue
    [ "$(wc -l <../out)" -lt 8 ] || complain "$model: --continue prints the prompt"
done
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
if command -v mpirun >/dev/null; then
    for model in gpt lstm; do
        mpirun --oversubscribe --bind-to none -np 3 "$program" sample ../$model -p 'One step' -n 70 -q >../ranks 2>../err </dev/null ||
            complain "$model: three ranks"
        cmp -s ../$model.1 ../ranks || complain "$model: another text with three ranks"
    done
fi

expect 64 '--prompt TEXT or --prompt-file FILE is needed' sample ../gpt
expect 64 '--prompt TEXT or --prompt-file FILE is needed' sample ../gpt -p a --prompt-file ../in/prompt.txt
expect 64 '--prompt: empty; expected at least one character' sample ../gpt -p ''
: >../in/empty.txt
expect 65 'empty\.txt: the file is empty' sample ../gpt --prompt-file ../in/empty.txt
expect 66 'absent\.txt: cannot open' sample ../gpt --prompt-file absent.txt
expect 65 '--prompt: not UTF-8 at byte 3 \(0xE9\)' sample ../gpt -p "$(printf 'caf\351')"
expect 64 '--temperature.*-1' sample ../gpt -p a --temperature -1
expect 64 '--temperature' sample ../gpt -p a --temperature nan
expect 64 '--top-p: expected a probability above 0' sample ../gpt -p a --top-p 0
expect 64 '--top-p' sample ../gpt -p a --top-p 1.5
expect 64 '--top-k' sample ../gpt -p a --top-k 0
expect 64 '--length' sample ../gpt -p a -n 0
expect 66 'no such file or run directory' sample ../nowhere -p a

"$program" train -s 'train={steps: 2, batch: 8}' -q -o ../digits >../out 2>../err || complain 'digits'
expect 78 'expected a model of text .*found one without tokens' sample ../digits -p a
train eyes bytes '{embedding: {vocabulary: 256, units: 8}}, {attention: {name: eyes, heads: 2}}, {dense: {units: 256, over: last}}'
expect 78 'layer eyes \(attention\): its outputs depend on later positions' sample ../eyes -p a
# Weights know what each token means: another text brings other pairs of bytes, which is said, and can be read with the old ones.
for i in $(seq 300); do echo "zebras jump over $((i * 7919 % 1000)) lazy quails"; done >../in/other.txt
other=(-s data.train.file=../in/other.txt -s train.steps=30)
expect 65 'gpt/final\.h5: /data/merges: a vocabulary of 300 tokens, but .*another one.*tokens_from' train ../in/gpt.yaml "${other[@]}" -s start.from=../gpt/final.h5 -o t
expect 65 '/data/merges: a vocabulary of 300 tokens, but .*another one' train ../in/gpt.yaml "${other[@]}" -o ../gpt --allow-change data --allow-change train
expect 0 ' 30 steps ' train ../in/gpt.yaml "${other[@]}" -s start.from=../gpt/final.h5 -s data.train.tokens_from=../gpt -q -o ../tuned
expect 0 . sample ../tuned -p 'zebras' -n 10
"$program" info ../gpt/final.h5 ../tuned/final.h5 --diff >../out 2>../err
grep -q '^/data/merges' ../out && complain 'tokens_from: other tokens'
expect 66 'tokens_from: absent: no such file or run directory' train ../in/gpt.yaml -s data.train.tokens_from=absent -o t
expect 65 'tokens_from: ../digits/final\.h5: expected a checkpoint of a model of text, found one without tokens' train ../in/gpt.yaml -s data.train.tokens_from=../digits/final.h5 -o t
expect 78 'of 300 tokens that the text gave, expects 300 outputs' train ../in/gpt.yaml -s model.layers.4.dense.units=299 -o t
finish
