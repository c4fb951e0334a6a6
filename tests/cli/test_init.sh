# init: files that the program itself accepts, never overwritten; completion that the shell accepts.
. "$(dirname "$0")/expect.sh"

for kind in digits fashion csv hdf5 images text; do
    expect 0 "^$kind\.yaml written" init "$kind"
    mv "$kind.yaml" ../in/
    [ "$(wc -l <"../in/$kind.yaml")" -lt 40 ] || complain "expected fewer than 40 lines"
done
expect 0 'total' explain ../in/digits.yaml
cmp ../in/digits.yaml "$source_dir/configs/digits.yaml" || failures=$((failures + 1))
expect 66 'train\.csv' explain ../in/csv.yaml
expect 66 'train\.h5' explain ../in/hdf5.yaml
expect 66 'images\.h5' explain ../in/images.yaml
expect 66 'text\.txt' explain ../in/text.yaml
for i in $(seq 300); do echo "a line of text, number $i"; done >../in/text.txt
expect 0 ' 2 steps in ' train ../in/text.yaml -s data.train.file=../in/text.txt -s train.steps=2 -q -o ../text
expect 0 'a' sample ../text -p 'a line' -n 5
expect 0 ' 2 steps in ' train ../in/images.yaml -s 'data.train={format: builtin, name: digits, shape: [8, 8, 1]}' -s train.steps=2 -q -o ../images
printf 'a,b,price\n1,2,3\n4,5,6\n7,8,9\n' >../in/t.csv
expect 0 '3 rows of 2' explain ../in/csv.yaml -s data.train.file=../in/t.csv

# A table that is there: its columns are looked at, and the file trains as it is written.
printf 'id;town;rain;same;price\n%s\n' "$(for i in $(seq 40); do echo "$i;$([ $((i % 3)) = 0 ] && echo '"a ""b"""' || echo "c$((i % 2))");$((i % 7)),5;1;$([ $i = 9 ] || echo $((i * i % 50)),25)"; done)" >../in/shop.csv
expect 0 '^shop\.yaml written' init ../in/shop.csv
mv shop.yaml ../in/
for line in '    decimal: comma ' '    features: \[id, town, rain\]' '    # left out: same \(constant\)' '  columns: \{one_hot: \[town\], drop_first' '  missing: drop ' 'model: \{type: ols\}'; do
    grep -qE "^$line" ../in/shop.yaml || complain "shop.yaml: no line $line"
done
expect 0 ' 2 steps in ' train ../in/shop.yaml -q -o ../shop
expect 0 'town=c1' info ../shop
expect 0 'town\.yaml written' init ../in/shop.csv --target town --out town.yaml
grep -q '^model: {type: logistic}' town.yaml || complain 'texts are classes'
rm town.yaml
# Dates are days, and the files that are asked later have them too.
printf 'when,at,y\n%s\n' "$(for i in $(seq 10 30); do echo "2026-01-$i 06:00,$((i % 24)):30,$((i * i % 17))"; done)" >../in/days.csv
expect 0 'days\.yaml written' init ../in/days.csv
mv days.yaml ../in/
grep -q '^    dates: \[when, at\] ' ../in/days.yaml || complain 'days are dates'
expect 0 ' 2 steps in ' train ../in/days.yaml -q -o ../days
expect 0 'days\.csv: 21 rows' predict ../days --in ../in/days.csv --out ../days.csv
printf 'when,at\n2026-01-10,1:00\n10/01/2026,2:00\n' >../in/later.csv
expect 65 'later\.csv: line 3 \(row 1\), column "when": expected a date such as 2026-11-23, .*, found "10/01/2026"' predict ../days --in ../in/later.csv --out ../later.csv
expect 0 '^when: 2026-01-10 06:00:00 to 2026-01-30 06:00:00, as days since 1970-01-01' info ../in/days.csv --stats
expect 0 '^at: 00:30:00 to 23:30:00, as shares of a day' info ../in/days.csv --stats
# What a spreadsheet adds: a delimiter at the end of lines, names with ends of lines, a row of units, another encoding.
printf '"a\n(kg)",b,y,\nkg,m,s,\n%s\n' "$(for i in $(seq 20); do echo "$((i % 7)),$((i % 5)),$((i * i % 17)),"; done)" >../in/odd.csv
expect 0 'odd\.yaml written' init ../in/odd.csv
mv odd.yaml ../in/
for line in '    target: \[y\]' '    features: \["a \(kg\)", b\]' '    # left out: a column without a name' \
    '    # b: 1 of 21 fields are no numbers, the first in line 3: texts' '    # y: 1 of 21 fields'; do
    grep -qE "^$line" ../in/odd.yaml || complain "odd.yaml: no line $line"
done
expect 0 '' info --stats ../in/odd.yaml
printf 'gr\366\337e,y\n1,2\n' >../in/latin.csv
expect 65 'latin\.csv: the name of column 1 is not UTF-8 \(byte 0xF6\); iconv' init ../in/latin.csv
expect 65 'no column is named "cost"; the header has id, town' init ../in/shop.csv --target cost
printf 'a,b\n1,2\n1,3\n' >../in/flat.csv
expect 65 'no column to learn "b" from; left out: a \(constant\)' init ../in/flat.csv
expect 66 'nowhere\.csv: cannot open' init ../nowhere.csv
expect 64 'init: --target is for a table; expected FILE\.csv' init csv --target a
expect 64 "unknown kind 'digit' \(did you mean 'digits'\?\)" init digit
expect 73 'exists already' init csv --out ../in/csv.yaml
expect 73 'cannot create' init csv --out ../nowhere/csv.yaml
[ "$(head -c 12 ../in/csv.yaml)" = "# Regression" ] || complain "an existing file was changed"

expect 0 '^complete -o filenames -F _allsum allsum$' completion bash
bash -n ../out || complain "bash does not accept its completion"
(. ../out && COMP_WORDS=(allsum tr) COMP_CWORD=1 && _allsum && [ "${COMPREPLY[*]}" = train ]) || complain "no completion of tr"
expect 0 'bashcompinit' completion zsh
expect 0 '^complete -c allsum ' completion fish
expect 64 "unknown shell 'bsh'" completion bsh
expect 64 'missing argument' completion
finish
