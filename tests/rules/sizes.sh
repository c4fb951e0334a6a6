#!/usr/bin/env bash
# No source file above 700 lines or without a word on what it holds, no configuration of 40 lines or more, only the agreed entries at the top of the tree.
set -euo pipefail

bad=0
while read -r lines file; do
    [ "$file" = total ] && continue
    if [ "$lines" -gt 700 ]; then
        echo "$file has $lines lines: split it (limit 700)"
        bad=1
    fi
done < <(find src include tests launch -type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.def' -o -name '*.py' \) ! -path 'tests/reference/*' -exec wc -l {} +)
while IFS= read -r file; do
    read -r first <"$file"
    if [ "${first:0:2}" != '/*' ]; then
        echo "$file: begin with a comment that says what it holds"
        bad=1
    fi
done < <(find src include tests -type f -name '*.[ch]')
for file in configs/*.yaml; do
    [ -e "$file" ] || continue
    lines=$(wc -l <"$file")
    if [ "$lines" -ge 40 ]; then
        echo "$file has $lines lines: a sample configuration stays below 40"
        bad=1
    fi
done
for entry in *; do
    case $entry in
    CMakeLists.txt | CMakePresets.json | src | include | launch | configs | tests | docs | build* | runs) ;;
    README.md | CONTRIBUTING.md | CHANGELOG.md | SECURITY.md | LICENSE | NOTICE) ;;
    *)
        echo "$entry does not belong at the top of the tree"
        bad=1
        ;;
    esac
done
while IFS= read -r file; do
    case ${file##*/} in
    *util* | *misc* | *common* | *helper*)
        echo "$file: name a file after what it holds"
        bad=1
        ;;
    esac
done < <(find src include -type f)

[ "$bad" = 0 ] && echo 'sizes and names are in order'
exit $bad
