#!/usr/bin/env bash
# A page that can be run: its files are written to a scratch folder, its commands run there from top to bottom, and what each
# prints must be what the page shows. The files of the tree that it links to exist, and hold the names it says they hold.
#
# usage: page.sh PROGRAM SCRATCH SOURCE_DIR PAGE.md
#
# In the page:
#   ```yaml, ```csv  whose first line is "# NAME": the file of that name is what follows
#   ```console       lines "$ COMMAND" (continued while a line ends in \), and under each what it prints on standard output; [...]
#                    alone on a line stands for any lines, inside of a line for any text. A command that fails fails the page.
#   [`src/FILE`](...): `name`, `name`   begins a line: names that must be found in that file
# Spaces at the end of a line do not count. SCRATCH/found.md is the page with what the commands printed now: where the page is no
# longer true, it is what to look at, and to copy from.
set -u
program=$1 scratch=$2 source_dir=$3 page=$3/$4
rm -rf "$scratch" && mkdir -p "$scratch/bin" "$scratch/run" || exit 1
ln -s "$program" "$scratch/bin/allsum"
export PATH=$scratch/bin:$PATH
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
unset NO_COLOR
cd "$scratch/run" || exit 1
folder=$(dirname "$page")
failures=0 commands=0 shown=

complain() {
    echo "FAILED: $page:$number: $1"
    failures=$((failures + 1))
}

# matches EXPECTED FOUND: line by line, with [...] for what was left out
matches() {
    awk '
        function same(want, have,    parts, n, i, at) { # [...] inside of a line
            n = split(want, parts, /\[\.\.\.\]/)
            if (n == 1) return want == have
            if (substr(have, 1, length(parts[1])) != parts[1]) return 0
            have = substr(have, length(parts[1]) + 1)
            for (i = 2; i < n; i++) {
                at = index(have, parts[i])
                if (!at) return 0
                have = substr(have, at + length(parts[i]))
            }
            return length(have) >= length(parts[n]) && substr(have, length(have) - length(parts[n]) + 1) == parts[n]
        }
        { sub(/[ \t]+$/, "") }
        FILENAME == ARGV[1] { want[++wanted] = $0; next }
        { have[++found] = $0 }
        END { # ends[j]: the lines of the page so far can stand for the first j lines that were printed
            ends[0] = 1
            for (i = 1; i <= wanted; i++) {
                for (j = 0; j <= found; j++)
                    next_ends[j] = want[i] == "[...]" ? (ends[j] || (j && next_ends[j - 1])) : (j && ends[j - 1] && same(want[i], have[j]))
                for (j = 0; j <= found; j++) ends[j] = next_ends[j]
            }
            exit !ends[found + 0]
        }' "$1" "$2"
}

# the command of the page and what it shows are complete: run it and compare
settle() {
    [ -n "$shown" ] || return
    commands=$((commands + 1))
    local start=$EPOCHREALTIME
    timeout 60 bash -c "$command" >"$scratch/out" 2>"$scratch/err" </dev/null || {
        complain "exit code $? of: $command"
        head -5 "$scratch/err"
    }
    printf '%5.2f s  %s\n' "$(bc <<<"$EPOCHREALTIME - $start")" "${command%%$'\n'*}"
    if matches "$scratch/shown" "$scratch/out"; then
        cat "$scratch/shown" >>"$scratch/found.md"
    else
        complain "it is no longer what is printed by: $command"
        diff --ignore-trailing-space --label page --label program -u0 "$scratch/shown" "$scratch/out" | head -20
        head -3 "$scratch/err"
        cat "$scratch/out" >>"$scratch/found.md"
    fi
    shown=
}

number=0 block=none
while IFS= read -r line; do
    number=$((number + 1))
    case $block in
    none)
        case $line in
        '```console') block=console shown='' ;;
        '```yaml' | '```csv') block=file file='' ;;
        '```'*) block=other ;;
        esac
        ;;
    console)
        [ "${#line}" -le 80 ] || complain "more than 80 columns"
        if [ "$line" = '```' ]; then
            settle
            block=none
        elif [ "${line:0:2}" = '$ ' ]; then
            settle
            command=${line:2} shown=yes
            : >"$scratch/shown"
            case $line in *\\) block='more' ;; esac
        else
            [ -n "$shown" ] || complain "output of no command"
            echo "$line" >>"$scratch/shown"
            continue
        fi
        ;;
    'more')
        [ "${#line}" -le 80 ] || complain "more than 80 columns"
        command+=$'\n'$line
        case $line in *\\) ;; *) block=console ;; esac
        ;;
    file)
        if [ "$line" = '```' ]; then
            block=none
        elif [ -z "$file" ]; then
            file=$(sed -n 's/^# \([a-z0-9-]*\.[a-z]*\)$/\1/p' <<<"$line")
            [ -n "$file" ] || complain "a file begins with a line "# NAME""
            : >"$file"
        else
            echo "$line" >>"$file"
        fi
        ;;
    other) [ "$line" != '```' ] || block=none ;;
    esac
    echo "$line" >>"$scratch/found.md"
done <"$page"
[ "$block" = none ] || complain "a block that does not end"

number=0 tick=\`
claim="^\[${tick}(src/[^$tick]*)${tick}\]\([^)]*\): (${tick}.*${tick})$"
while IFS= read -r line; do
    number=$((number + 1))
    while read -r target; do
        case $target in
        http* | '') ;;
        *) [ -e "$folder/$target" ] || complain "no such file: $target" ;;
        esac
    done < <(grep -oE '\]\([^)#]+' <<<"$line" | cut -c3-)
    [[ $line =~ $claim ]] || continue
    file=${BASH_REMATCH[1]}
    while read -r name; do
        grep -qw -- "$name" "$source_dir/$file" || complain "$file has no $name"
    done < <(tr ', ' '\n' <<<"${BASH_REMATCH[2]}" | tr -d "$tick" | grep .)
done <"$page"

[ "$commands" -gt 0 ] || [ "$(basename "$page")" = README.md ] || complain "no commands"
[ "$failures" -eq 0 ] || { echo "$failures failures; the page as it would be now: $scratch/found.md"; exit 1; }
echo "$commands commands print what $4 shows"
