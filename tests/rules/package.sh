#!/usr/bin/env bash
# An installed copy can be used: find_package(allsum) and pkg-config both build and run a program, and so does the one of
# docs/embedding.md.
set -euo pipefail
cmake=$1 build=$2 scratch=$3 compiler=$4

rm -rf "$scratch"
mkdir -p "$scratch/user"
"$cmake" --install "$build" --prefix "$scratch/installed" >/dev/null
cat >"$scratch/user/main.c" <<'END'
#include <allsum/allsum.h>
#include <stddef.h>

int main(void)
{
    as_predictor *predictor = NULL;
    const char *const nonsense[] = {"nonsense=1"};
    const as_job job = {.nsets = 1, .sets = nonsense};
    return as_predictor_open("absent.h5", 1, &predictor) != AS_NOINPUT || as_train(&job) != AS_CONFIG;
}
END
cat >"$scratch/user/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(allsum 0.1 REQUIRED)
add_executable(user main.c)
target_link_libraries(user PRIVATE allsum::allsum)
END
"$cmake" -S "$scratch/user" -B "$scratch/user/build" -DCMAKE_PREFIX_PATH="$scratch/installed" -DCMAKE_C_COMPILER="$compiler" >/dev/null
"$cmake" --build "$scratch/user/build" >/dev/null
"$scratch/user/build/user"
echo 'find_package(allsum): builds and runs'

description=$(find "$scratch/installed" -name allsum.pc)
export PKG_CONFIG_PATH=${description%/*}
# shellcheck disable=SC2046 # words are wanted
"$compiler" "$scratch/user/main.c" -o "$scratch/user/plain" $(pkg-config --cflags --libs allsum)
"$scratch/user/plain"
echo 'pkg-config allsum: builds and runs'
page=$(dirname "${BASH_SOURCE[0]}")/../../docs/embedding.md
sed -n '/^...c$/,/^...$/p' "$page" | sed '1d;$d' >"$scratch/user/surrogate.c"
cat >"$scratch/user/net.yaml" <<'END'
data: {train: {format: builtin, name: digits}, normalize: scale}
model: {layers: [dense: 10], loss: cross_entropy}
train: {batch: 64, epochs: 1}
END
# shellcheck disable=SC2046
"$compiler" -Wall -Wextra -Werror "$scratch/user/surrogate.c" -o "$scratch/user/surrogate" $(pkg-config --cflags --libs allsum)
(cd "$scratch/user" && ./surrogate 2>log | grep -qE '^0\.[0-9]+$') || { cat "$scratch/user/log"; exit 1; }
echo 'docs/embedding.md: its program trains and predicts'
if [ -x "$scratch/installed/bin/allsum" ]; then
    "$scratch/installed/bin/allsum" --help >/dev/null
    echo 'the installed program runs'
fi
rm -rf "$scratch"
