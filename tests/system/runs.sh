# Sourced by the tests of whole runs: start the program on a layout, and take the fingerprint of what it left.
# Expects $allsum (the program) and $scratch (a folder of the test's own).
# shellcheck shell=bash disable=SC2034,SC2154

export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_rmaps_base_oversubscribe=1
if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

bad=0
complain() {
    echo "FAILED: $1"
    bad=1
}

skip() {
    echo "skipped: $1"
    exit 77
}

fresh_scratch() {
    rm -rf "$scratch"
    mkdir -p "$scratch"
}

# on RANKS THREADS ARGUMENTS...: the program on a layout; its output goes to $scratch/output
on() {
    local ranks=$1 threads=$2
    shift 2
    if [ "$ranks" = 1 ]; then
        OMP_NUM_THREADS=$threads timeout 120 "$allsum" "$@" >"$scratch/output" 2>&1 </dev/null
    else
        OMP_NUM_THREADS=$threads timeout 120 mpirun --oversubscribe --bind-to none -np "$ranks" "$allsum" "$@" >"$scratch/output" 2>&1 </dev/null
    fi
}

show_output() {
    sed 's/^/    /' "$scratch/output" | tail -n 20
}

without_timing() { # of metrics.jsonl: the one group that may differ between layouts
    sed -E 's/, *"timing": *\{[^{}]*\}//' "$1"
}

summary_text() { # RUN KEY
    sed -nE "s/.*\"$2\"[[:space:]]*:[[:space:]]*\"?([^\",}]*)\"?.*/\1/p" "$1/summary.json" | head -n 1
}

hash_of() {
    sha256sum | cut -c1-16
}

# fingerprint RUN [final]: one line: state, metrics less timing, final file, checkpoints (names and bytes; not with `final`)
fingerprint() {
    local run=$1 line
    line="state=$(summary_text "$run" state_sha256 | cut -c1-16) metrics=$(without_timing "$run/metrics.jsonl" | hash_of)"
    line+=" final=$(hash_of <"$run/final.h5")"
    [ "${2:-}" = final ] || line+=" checkpoints=$(cd "$run/checkpoints" && sha256sum -- * | hash_of)"
    echo "$line"
}

# has_isa NAME: can this machine run that build of the kernels?
has_isa() {
    ALLSUM_ISA=$1 "$allsum" train --print-config >/dev/null 2>&1
}
