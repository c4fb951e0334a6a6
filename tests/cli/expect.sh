# Sourced by the tests of this folder: expect CODE 'extended regex' WORDS... runs the program in an empty scratch folder and checks its
# exit code, that the regex matches what it wrote (stderr for failures, stdout for success), that a failure is one
# line on stderr with nothing on stdout, and that a failure leaves no file behind.
set -u
program=$1 scratch=$2 source_dir=$3
rm -rf "$scratch" && mkdir -p "$scratch/in" "$scratch/run" && cd "$scratch/run" || exit 1
failures=0
unset OMP_NUM_THREADS ALLSUM_ISA

complain() {
    echo "FAILED: allsum ${words[*]:-}"
    echo "  $1"
    sed 's/^/  stdout: /' ../out | head -5
    sed 's/^/  stderr: /' ../err | head -5
    failures=$((failures + 1))
}

expect() {
    local code=$1 regex=$2 found where=../err
    shift 2
    words=("$@")
    "$program" "$@" >../out 2>../err </dev/null
    found=$?
    [ "$code" -eq 0 ] && where=../out
    [ "$found" -eq "$code" ] || complain "expected exit code $code, found $found"
    grep -Eq -- "$regex" "$where" || complain "expected /$regex/"
    if [ "$code" -ne 0 ]; then
        [ "$(wc -l <../err)" -eq 1 ] || complain "expected one line on stderr"
        [ ! -s ../out ] || complain "expected nothing on stdout"
        [ -z "$(ls -A .)" ] || complain "expected nothing written, found $(ls -A . | head -3 | tr '\n' ' ')"
    fi
}

finish() {
    [ "$failures" -eq 0 ] || { echo "$failures failures"; exit 1; }
    echo "all as expected"
}
