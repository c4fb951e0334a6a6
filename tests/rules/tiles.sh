#!/usr/bin/env bash
# usage: tiles.sh BUILD_TYPE BUILD_FOLDER: the micro-kernels of products call nothing. A call keeps no vector register, so that their
# accumulators would go through memory in every turn of the loop: the same result, at two thirds of the speed.
set -euo pipefail
build=$1
folder=$2

case $build in
Release | RelWithDebInfo) ;;
*) echo "built as '$build': code that is not optimised has calls" && exit 77 ;;
esac
command -v objdump >/dev/null || { echo "objdump (binutils) is not there" && exit 77; }
mapfile -t objects < <(find "$folder/CMakeFiles" -path '*_avx*/v_gemm.c.o')
[ ${#objects[@]} -gt 0 ] || { echo "no object of v_gemm.c below $folder/CMakeFiles" && exit 1; }
nm -A "${objects[@]}" | grep -E "__(asan|ubsan|tsan)_" >/dev/null && { echo "built with a sanitizer, which calls" && exit 77; }

objdump -d --no-show-raw-insn "${objects[@]}" | awk '
    /file format/ { object = $1 }
    /^[0-9a-f]+ <.*>:$/ { inside = $2 ~ /^<tile_[0-9]+_[0-9]+>:$/; name = $2; tiles += inside }
    inside && $2 ~ /^call/ { print object " " name " " $0; bad = 1 }
    END {
        print tiles " tiles, " (bad ? "some of which call" : "none of which calls")
        exit bad || tiles < 20 # an empty list would pass everything
    }'
