# docs/config.md is what the tables of the program say.
. "$(dirname "$0")/expect.sh"

expect 0 '^# Every key of a configuration$' explain --all --markdown
if ! cmp -s ../out "$source_dir/docs/config.md"; then
    echo "docs/config.md is not up to date: allsum explain --all --markdown > docs/config.md"
    diff "$source_dir/docs/config.md" ../out | head -20
    failures=$((failures + 1))
fi
finish
