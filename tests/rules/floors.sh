#!/usr/bin/env bash
# Includes go down only, and each foreign library has one room.
set -euo pipefail

rooms='base kernels math+comm io data+nn estimator probe run cli' # from the ground up; rooms of one floor know nothing of each other
declare -A floor
number=0
for level in $rooms; do
    for room in ${level//+/ }; do
        floor[$room]=$number
    done
    number=$((number + 1))
done
bad=0
complain() {
    echo "$1"
    bad=1
}

while IFS=: read -r file line text; do
    room=${file#src/}
    room=${room%%/*}
    target=$(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' <<<"$text")
    [ -n "$target" ] || continue
    from=${floor[$room]:-}
    [ -n "$from" ] || { complain "$file:$line: no floor is known for the room '$room'" && continue; }
    case $target in
    allsum/*) continue ;; # the public headers are below everything
    */*) to_room=${target%%/*} ;;
    *) to_room=$room ;;
    esac
    to=${floor[$to_room]:-}
    [ -n "$to" ] || { complain "$file:$line: includes \"$target\", which is in no room" && continue; }
    if [ "$to_room" != "$room" ] && [ "$to" -ge "$from" ]; then
        complain "$file:$line: $room (floor $from) includes \"$target\" of $to_room (floor $to): includes go down only"
    fi
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' src --include='*.[ch]' --include='*.def')

while IFS=: read -r file line text; do # the public headers stand on nothing
    case $text in
    *\"allsum/*) ;;
    *) complain "$file:$line: a public header includes an inner one: $text" ;;
    esac
done < <(grep -rnE '#[[:space:]]*include[[:space:]]*"' include || true)

only_in() { # regular expression, rooms that may have it, what it is
    local pattern=$1 allowed=$2 what=$3 file line rest place
    while IFS=: read -r file line rest; do
        for place in $allowed; do
            case $file in $place*) continue 2 ;; esac
        done
        complain "$file:$line: $what belongs in ${allowed// / or }: $rest"
    done < <(grep -rnE "$pattern" src include --include='*.[ch]' || true)
}
only_in '#[[:space:]]*include[[:space:]]*<mpi(-ext)?\.h>' src/comm/ 'MPI'
only_in '#[[:space:]]*include[[:space:]]*<(hdf5|H5[A-Za-z]*)\.h>' src/io/ 'HDF5'
only_in '#[[:space:]]*include[[:space:]]*<yaml\.h>' src/io/ 'libyaml'
only_in '#[[:space:]]*include[[:space:]]*<omp\.h>|#[[:space:]]*pragma[[:space:]]+omp' src/kernels/ 'OpenMP'
# SHA instructions move no numbers: the hash may have them.
only_in '#[[:space:]]*include[[:space:]]*<[a-z0-9]*intrin\.h>' 'src/kernels/ src/base/hash' 'a vector intrinsic'

[ "$bad" = 0 ] && echo "includes go down only: $(find src include -name '*.[ch]' | wc -l) files"
exit $bad
