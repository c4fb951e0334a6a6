#!/usr/bin/env bash
# What would make results depend on the layout or the compiler must not appear: sums by MPI, OpenMP reductions and atomics on
# numbers, dynamic schedules, value-changing compiler flags.
set -euo pipefail

bad=0
forbid() { # regular expression, reason, paths...
    local pattern=$1 reason=$2 hits
    shift 2
    hits=$(grep -rnE "$pattern" "$@" --include='*.[ch]' --include='*.def' --include='CMakeLists.txt' --include='*.json' || true)
    if [ -n "$hits" ]; then
        echo "$reason:"
        echo "$hits"
        bad=1
    fi
}

forbid 'MPI_(SUM|PROD)' 'MPI adds in an order of its own; sums go through comm/sum.h' src
forbid 'MPI_(I?[Aa]ll|I?)[Rr]educe[a-z_]*\(.*MPI_(FLOAT|DOUBLE)' 'a reduction of real numbers by MPI' src
forbid '#[[:space:]]*pragma[[:space:]]+omp.*(reduction|atomic|schedule\((dynamic|guided))' 'an OpenMP sum or schedule that depends on timing' src
forbid '(-ffast-math|-Ofast|-funsafe-math|-fassociative-math|-ffp-contract=(fast|on)|-freciprocal-math)[^;:.,)]*$' 'a value-changing compiler flag' CMakeLists.txt CMakePresets.json src
forbid '_mm[0-9]*_(rsqrt|rcp)[0-9]*_' 'an approximate instruction: its result differs between processors' src
forbid '_mm[0-9]*_(mask_)?reduce_(add|mul)_p[sd]' 'a horizontal sum whose order the compiler chooses' src
grep -q -- '-ffp-contract=off' CMakeLists.txt || { echo 'CMakeLists.txt lacks -ffp-contract=off' && bad=1; }

[ "$bad" = 0 ] && echo 'no sum depends on the layout'
exit $bad
