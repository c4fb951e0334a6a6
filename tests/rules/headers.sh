#!/usr/bin/env bash
# Every header compiles alone; the public ones in C++ too.
# usage: headers.sh COMPILER INCLUDE_FOLDER...
set -euo pipefail
compiler=$1
shift
foreign=("${@/#/-I}")

bad=0
count=0
for header in include/allsum/*.h src/*/*.h; do
    case $header in
    include/*) name=${header#include/} ;;
    *) name=${header#src/} ;;
    esac
    flags=()
    case $name in
    kernels/* | nn/* | data/augment*) flags=(-DAS_PRECISION=32 -DAS_VARIANT=f32_portable -DAS_ISA_PORTABLE) ;; # some are of a variant
    esac
    if ! "$compiler" -std=gnu17 -fsyntax-only -D_GNU_SOURCE -Wall -Wextra -Wno-unused-function -Werror "${flags[@]}" "${foreign[@]}" -Iinclude -Isrc -x c - <<<"#include \"$name\""; then
        echo "$header does not compile alone"
        bad=1
    fi
    count=$((count + 1))
done
if command -v c++ >/dev/null; then
    for header in include/allsum/*.h; do
        if ! c++ -std=c++17 -fsyntax-only -Wall -Wextra -Werror -Iinclude -x c++ - <<<"#include \"${header#include/}\""; then
            echo "$header does not compile as C++"
            bad=1
        fi
    done
else
    echo 'no C++ compiler: the public headers were compiled as C only'
fi

[ "$bad" = 0 ] && echo "$count headers compile alone"
exit $bad
