# Predictions for files with and without what the model learnt from: inputs are found by their names in the training data.
. "$(dirname "$0")/expect.sh"

printf 'a,b,label,w,c\n%s' "$(for i in $(seq 40); do echo "$((i % 3)),$((i % 7)).5,$((i % 3)),1.$i,$((i * i % 11))"; done)" >../in/all.csv
cut -d, -f1,2,5 ../in/all.csv >../in/inputs.csv
paste -d, <(cut -d, -f5 ../in/all.csv) <(cut -d, -f1-4 ../in/all.csv) >../in/moved.csv
tr ',' ';' <../in/inputs.csv >../in/semicolon.csv

data='data={train: {format: csv, file: ../in/all.csv, target: [label], weight: w}}'
rest=(-s 'model={layers: [dense: 3]}' -s 'train={batch: 8, steps: 9}' -q)
predictions=../predictions.h5
"$program" train -s "$data" "${rest[@]}" -o ../model >../out 2>../err || complain 'training'
"$program" train -s "$data" -s 'data.train.features=[c, a]' "${rest[@]}" -o ../chosen >../out 2>../err || complain 'training on chosen columns'

same() { # MODEL FILE FILE: the same predictions
    local file
    for file in "$2" "$3"; do
        expect 0 '/output \(40, 3\), /class' predict "$1" -i "$file" -o $predictions
        mv $predictions "$predictions.$(basename "$file")" || complain "$file: nothing written"
    done
    cmp -s "$predictions.$(basename "$2")" "$predictions.$(basename "$3")" || complain "$2 and $3: other predictions"
}
same ../model ../in/all.csv ../in/inputs.csv
same ../chosen ../in/all.csv ../in/moved.csv
same ../model ../in/all.csv ../in/semicolon.csv # which is found
expect 0 '/output \(40, 3\)' predict ../model -i ../in/semicolon.csv -o $predictions -s 'data.train.delimiter=;'

# A table: the class with its name, outputs that read back as the same numbers, rows with missing values left out.
awk -F, -v OFS=, 'NR > 1 { split("\"no, never\"|yes|\"so \"\"so\"\"\"", name, "|"); $3 = name[$3 + 1] } 1' ../in/all.csv >../in/named.csv
"$program" train -s "${data/all.csv/named.csv}" "${rest[@]}" -s data.missing=drop -o ../named >../out 2>../err || complain 'training on names'
printf 'a,b,c\n1,2.5,3\n,1,1\n2,0,10\n' >../in/holes.csv
expect 0 '^1 of 3 rows have a missing value and no output' predict ../named -i ../in/holes.csv -o ../t.csv
grep -q 't\.csv: 2 rows, 3 outputs and the class' ../out || complain 'what the table holds'
[ "$(sed -n 1p ../t.csv)" = 'row,class,"output_no, never","output_so ""so""",output_yes' ] || complain "header $(sed -n 1p ../t.csv)"
[ "$(cut -d, -f1 ../t.csv | paste -sd ' ')" = 'row 0 2' ] || complain 'rows of the table'
expect 0 't\.csv: csv data, 2 samples of 5 columns' info ../t.csv
grep -q '^  columns: row, class, output_no, never, ' ../out || complain 'names of the columns'
"$program" predict ../model -i ../in/all.csv -o ../plain.csv >../out 2>../err
[ "$(head -1 ../plain.csv)" = 'row,class,output_0,output_1,output_2' ] || complain 'header of classes without names'
[ "$(wc -l <../plain.csv)" = 41 ] || complain 'lines of the table'

# HDF5 without targets; the three outputs serve as three inputs
h5=$predictions
expect 65 'predictions\.h5:x: no such object; the file has the datasets /class, /output, /row' predict ../model -i $h5 -o p.h5
expect 0 '/output \(40, 3\)' predict ../model -i $h5 -o ../second.h5 -s "data.train={format: hdf5, file: $h5, x: output}"

before=$(sha256sum $h5)
expect 64 '--out p\.npy: predictions are HDF5 or CSV; expected a name that ends in \.h5 or \.csv, found \.npy' predict ../model -i ../in/all.csv -o p.npy
expect 64 'is the input itself' predict ../model -i $h5 -o ../run/../predictions.h5
[ "$(sha256sum $h5)" = "$before" ] || complain 'the input was replaced'
before=$(sha256sum ../in/all.csv ../model/final.h5)
ln -s all.csv ../in/data
expect 64 '--out ../in/data: is data of ../model/final\.h5, and would be replaced' predict ../model -i ../in/inputs.csv -o ../in/data
expect 64 'is the model itself, and would be replaced' predict ../model -i ../in/inputs.csv -o ../model/final.h5
expect 64 'is a checkpoint, and would be replaced' predict ../model -i ../in/inputs.csv -o ../chosen/final.h5
expect 73 'expected a file or a new name, found a device or pipe' predict ../model -i ../in/inputs.csv -o /dev/null
[ "$(sha256sum ../in/all.csv ../model/final.h5)" = "$before" ] || complain 'data or a model was replaced'
expect 73 'expected a file, found a directory' predict ../model -i ../in/all.csv -o ../in
expect 64 '--in FILE and --out FILE.h5 or FILE.csv are needed' predict ../model -i ../in/all.csv
expect 66 'absent\.npy: cannot open' predict ../model -i absent.npy -o p.h5
expect 78 'unknown data format "cvs"; did you mean "csv"' predict ../model -i ../in/all.csv --format cvs -o p.h5

# Where each position has a label, each has its outputs and its class.
cat "$source_dir"/docs/*.md >../in/text.txt
cat >../in/text.yaml <<'YAML'
name: text
data: {train: {format: text, file: ../in/text.txt, context: 16}}
model: {layers: [{embedding: {vocabulary: 256, units: 4}}, {dense: {units: 256, over: last}}], loss: cross_entropy}
train: {batch: 8, steps: 1}
YAML
expect 0 ' 1 steps ' train ../in/text.yaml -q -o ../text
head -c 100 ../in/text.txt >../in/few.txt
expect 0 '/output \(6, 16, 256\), /class for' predict ../text --in ../in/few.txt --out ../few.h5
expect 64 'each row has 16 positions with 256 outputs: no table' predict ../text --in ../in/few.txt --out few.csv
printf 'caf\351 and more than sixteen bytes' >../in/bad.txt
expect 65 'bad\.txt: not UTF-8 at byte 3 \(0xE9\)' predict ../text --in ../in/bad.txt --out bad.h5
{ echo a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p; seq -s, 241 256; } >../in/tokens.csv
expect 65 'sample 0: element 15 is 256, but layer embedding_1 \(embedding\) has rows for whole numbers from 0 to 255' predict ../text --in ../in/tokens.csv -o bad.h5

# Fields keep their axes.
"$program" data generate heat -o ../in/heat.h5 -n 6 -s points=8 >../out 2>../err || complain 'no fields'
expect 0 ' 2 steps in ' train -s 'data={train: {format: hdf5, file: ../in/heat.h5, shape: [8, 8, 1]}}' \
    -s 'model={layers: [{conv2d: {channels: 1, kernel: 3}}], loss: mse}' -s 'train={batch: 6, steps: 2}' -q -o ../field
expect 0 '/output \(6, 8, 8, 1\) for' predict ../field --in ../in/heat.h5 -o ../field.h5
expect 0 '/output +float64 +6x8x8x1 ' info ../field.h5
finish
