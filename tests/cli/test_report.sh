# report: one file that needs nothing else, with what the run has, of one run, several, a broken one and a statistical one.
. "$(dirname "$0")/expect.sh"
runs=$scratch/runs

trains() { # NAME WORDS...
    local name=$1
    shift
    "$program" train -o "$runs/$name" -q "$@" >/dev/null 2>&1 || { echo "FAILED: no run $name" && exit 1; }
}
trains a -s train.epochs=3 -s data.validation=0.1 -s 'probe=10 steps'
trains b -s train.epochs=2 -s data.validation=0.1 -s optimizer=sgd -s name='<b> & "c"'
trains nb "$source_dir/tests/statistics/gaussian_nb.yaml"

holds() { # FILE REGEX...: every expression is found
    local file=$1
    shift
    for regex in "$@"; do
        grep -Eq -- "$regex" "$file" || complain "$file: expected /$regex/"
    done
}
alone() { # FILE: no script, no link to anything, every tag of a figure closed, no NaN in the coordinates
    ! grep -Eiq '<script|https?:|src=|@import|url\(' "$1" || complain "$1 needs something else"
    [ "$(grep -o '<svg' "$1" | wc -l)" -eq "$(grep -o '</svg>' "$1" | wc -l)" ] || complain "$1: svg not closed"
    ! grep -Eq '"[^"]*(nan|inf)[^"]*"' <(grep -oE '(d|cx|cy|x|y)="[^"]*"' "$1") || complain "$1: a coordinate is not a number"
}

expect 0 'report\.html: [0-9]+ bytes' report "$runs/a"
page=$runs/a/report.html
alone "$page"
holds "$page" 'Not diagnosed yet' '>Loss<' 'Validation: accuracy' 'Learning rate<' 'Gradient norm of each layer' 'Update ratio' \
    'Gradient noise scale' 'Singular values' 'class="confusion"' 'Time of rank 0' 'Calibration on the test data' 'accuracy</th>' 'prefers-color-scheme:dark' '@media print' 'width=device-width'
expect 0 '' diagnose "$runs/a"
expect 0 '' report "$runs/a"
holds "$page" 'class="finding '

expect 0 '' report "$runs/a" --no-data
! grep -q 'Calibration' "$page" || complain "the test data were read"

expect 0 'both\.html' report "$runs/a" "$runs/b" -o "$scratch/both.html"
alone "$scratch/both.html"
holds "$scratch/both.html" '&lt;b&gt; &amp; &quot;c&quot;' 'Strong: validation'
! grep -q '<b>' "$scratch/both.html" || complain "a name is not escaped"

expect 0 '' report "$runs/nb"
holds "$runs/nb/report.html" 'What was estimated' 'Gaussian naive Bayes'

# A curve of one value, or of two that differ by rounding.
for second in 52276.50346911982 52276.503469119826 0; do
    cp -r "$runs/nb" "$runs/flat"
    printf '{"kind": "step", "step": %s, "epoch": 1, "loss": %s, "lr": 0}\n' 1 "${second/%826/82}" 2 "$second" >"$runs/flat/metrics.jsonl"
    expect 0 '' report "$runs/flat"
    alone "$runs/flat/report.html"
    rm -r "$runs/flat"
done

echo '{"kind": "step", "step": 9, "lo' >>"$runs/b/metrics.jsonl"
expect 0 '' report "$runs/b"
holds "$runs/b/report.html" '1 lines of metrics.jsonl cannot be read'

expect 66 'absent: no such run' report absent
expect 65 'not a run directory' report "$source_dir"
expect 64 '' report
expect 73 '' report "$runs/a" -o "$scratch/no/such/folder.html"
finish
