#!/usr/bin/env bash
# The sources are as clang-format leaves them.
set -uo pipefail

command -v clang-format >/dev/null || { echo 'skipped: clang-format is not installed' && exit 77; }
mapfile -t files < <(find src include tests -name '*.[ch]' ! -path 'tests/reference/*' | sort)
complaints=$(clang-format --dry-run -Werror "${files[@]}" 2>&1 | grep -E ': error:' | cut -d: -f1 | sort | uniq -c)
if [ -n "$complaints" ]; then
    echo "lines to format (clang-format -i FILE):"
    echo "$complaints"
    exit 1
fi
echo "${#files[@]} files are formatted"
