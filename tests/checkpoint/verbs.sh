#!/usr/bin/env bash
# usage: verbs.sh ALLSUM RANKS SCRATCH: allsum info and allsum verify on good, damaged and foreign files.
set -euo pipefail
allsum=$1 ranks=$2 scratch=$3/verbs
rm -rf "$scratch"
mkdir -p "$scratch/run/checkpoints"
"$ranks" write "$scratch"
good=$scratch/by-1.h5 bad=$scratch/bad.h5

expect() { # exit code, text that must appear in output or error, command...
    local code=$1 text=$2 found=0 output
    shift 2
    output=$("$@" 2>&1) || found=$?
    if [ "$found" != "$code" ] || ! grep -qF -- "$text" <<<"$output"; then
        printf '%s\nexpected exit %s and "%s", found exit %s:\n%s\n' "$*" "$code" "$text" "$found" "$output"
        exit 1
    fi
}

expect 0 'valid ' "$allsum" verify "$good"
expect 0 '"valid": true' "$allsum" verify --json "$good"
expect 0 '1000003 parameters' "$allsum" info "$good"
expect 0 'optimizer state: m, v' "$allsum" info "$good"
expect 0 '"parameter_count": 1000003' "$allsum" info --json "$good"
expect 0 'seed: 1' "$allsum" info --config "$good"
expect 0 'the same content' "$allsum" verify --diff "$good" "$good"
expect 66 'no such file' "$allsum" verify "$scratch/none.h5"
expect 66 'no such file' "$allsum" info "$scratch/none.h5"
expect 64 'two files' "$allsum" info --diff "$good"

# Bytes 5000000 to 5000003 lie in /optimizer/m: element (5000000 - offset) / 4, which reads as zero now.
cp "$good" "$bad"
printf '\0\0\0\0' | dd of="$bad" bs=1 seek=5000000 conv=notrunc status=none
expect 65 'bytes 4194304 to 8388607' "$allsum" verify "$good" "$bad"
expect 65 '/optimizer/m/a/weight[' "$allsum" info --diff "$good" "$bad"
expect 65 '1 of 1000003 elements differ' "$allsum" verify --diff "$good" "$bad"
head -c 5000000 "$good" >"$bad"
expect 65 'truncated' "$allsum" verify "$bad"
expect 65 'truncated' "$allsum" info "$bad"

# A run directory: the step is in the name and in the file.
expect 65 'no checkpoints' "$allsum" verify "$scratch/run"
expect 65 'not a run directory' "$allsum" info "$scratch/run"
cp "$good" "$scratch/run/checkpoints/step-000001000003.h5"
printf '{"status": "stopped", "step": 7}\n' >"$scratch/run/status.json"
expect 0 'step-000001000003.h5' "$allsum" verify "$scratch/run"
expect 0 'status: stopped, step 7' "$allsum" info "$scratch/run"

mkfifo "$scratch/pipe"
expect 65 'neither a regular file' timeout 10 "$allsum" info "$scratch/pipe"
expect 65 'not a regular file' timeout 10 "$allsum" verify "$scratch/pipe"
: >"$scratch/empty"
expect 65 'empty file' "$allsum" info "$scratch/empty"
printf 'hello\n' >"$scratch/hello.txt"
expect 65 'not a kind of file' "$allsum" info "$scratch/hello.txt"
printf '\0\0\x08\x01\0\0\0\x02ab' >"$scratch/labels"
expect 0 '2 samples of uint8 scalar' "$allsum" info "$scratch/labels"
echo 'info and verify say what is there'
