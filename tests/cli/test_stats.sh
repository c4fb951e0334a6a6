# Statistics of data: files, configurations, what cannot be told; text of at most 80 columns.
. "$(dirname "$0")/expect.sh"
{
    echo 'age,bmi,flat,empty,a name that is longer than a column of the table,place,species'
    for i in $(seq 50); do echo "$i,$((i * i % 17)).5,3,,-$i.5e200,$(echo 'north west' | cut -d' ' -f$((i % 2 + 1))),$(echo 'bob ada' | cut -d' ' -f$((i % 5 == 0 ? 1 : 2)))"; done
} >../in/t.csv
expect 0 'age +0 +50 +25\.5 +14\.58 +0 +-1\.201' info --stats ../in/t.csv
[ "$(awk '{print length}' ../out | sort -n | tail -1)" -le 80 ] || complain 'lines of more than 80 columns'
for words in '1 of 7 columns are constant: flat' '1 of 7 columns have no value: empty' 'place: category of 2 levels' \
    'north +25 +50\.00 %'; do
    expect 0 "$words" info --stats ../in/t.csv
done
expect 0 'species: label of 2 levels' info --stats --target species ../in/t.csv
expect 0 '"level": "ada", "count": 40' info --stats --json --target species ../in/t.csv
expect 0 '"name": "empty".*"mean": null' info --stats --json ../in/t.csv
echo 'data: {train: {format: csv, file: ../in/t.csv, target: species}, columns: {use: [age], polynomial: 2}}' >../in/c.yaml
expect 0 'age +age\^2 +0\.9' info --stats ../in/c.yaml
# Against a label: b follows the species, place is the same in each of them.
{
    echo 'a,b,place,species'
    for i in $(seq 60); do echo "$i,$((i % 3 * 10 + i % 7)),$(echo 'north west' | cut -d' ' -f$((i % 2 + 1))),$(echo 'ada bob cy' | cut -d' ' -f$((i % 3 + 1)))"; done
} >../in/k.csv
expect 0 '^b +F +[0-9.]+ +[0-9.]+e-[0-9]+ ' info --stats --target species ../in/k.csv
expect 0 '^place +chi2 +0 +1 +1 +1$' info --stats --target species ../in/k.csv
expect 0 '"association": \{"test": "anova".*"p_holm"' info --stats --json --target species ../in/k.csv
expect 64 'format not known by its name' info --stats ../in/t
expect 64 'expected --stats beside it' info --target x ../in/t.csv
expect 66 'absent\.csv' info --stats absent.csv
expect 65 'no column is named "kind"' info --stats --target kind ../in/t.csv
finish
