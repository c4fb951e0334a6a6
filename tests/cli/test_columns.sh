# Names of columns and classes: from the header through training and checkpoint to predictions of other files, which may order and
# extend their columns as they like.
. "$(dirname "$0")/expect.sh"

{
    echo 'id,bmi,age,species'
    for i in $(seq 60); do
        kind=$((i * 7 % 3))
        echo "$i,$((20 + kind * 2)).$((i * 37 % 100)),$((40 + 5 * kind)).$((i * 53 % 100)),$(echo 'cyd ada bob' | cut -d' ' -f$((kind + 1)))"
    done
} >../in/all.csv
cat >../in/names.yaml <<'YAML'
data: {train: {format: csv, file: ../in/all.csv, features: [age, bmi], target: species}}
model: {type: gaussian_nb}
YAML
expect 0 '1 steps' train ../in/names.yaml -q -o ../names
for class in ada bob cyd; do expect 0 "^$class +20 " info ../names; done

# the same rows with other columns around, in another order, give the same predictions
expect 0 '/output \(60, 3\), /class for' predict ../names -i ../in/all.csv -o ../first.h5
awk -F, '{print $3 ",7," $2}' ../in/all.csv | sed '1s/,7,/,other,/' >../in/moved.csv
expect 0 '/output \(60, 3\), /class for' predict ../names -i ../in/moved.csv -o ../second.h5
cmp -s ../first.h5 ../second.h5 || complain 'other predictions where columns are moved'
grep -aq '^bob$' ../first.h5 || complain 'no /class_names in the predictions'

sed '1s/age/old/' ../in/moved.csv >../in/lacks.csv
expect 65 'lacks\.csv: no column is named "age"; the header has old, other, bmi' predict ../names -i ../in/lacks.csv -o p.h5
{ cat ../in/all.csv; echo '61,20,40,dan'; } >../in/unseen.csv
expect 65 'line 62 \(row 60\), column "species": "dan" is none of the 3 known there: ada, bob, cyd' eval ../names -s 'data.test={format: csv, file: ../in/unseen.csv, features: [age, bmi], target: species}'
expect 78 'expected numbers as real targets \(labels: false\), found texts such as "ada"' train ../in/names.yaml -s data.train.labels=false -q -o r
{ cat ../in/all.csv; echo '61,,40,ada'; } >../in/missing.csv
expect 65 'row 60, bmi: missing value nan' train ../in/names.yaml -s data.train.file=../in/missing.csv -q -o r
sed '2,$s/,[0-9]*\.[0-9]*,\([a-d]*\)$/,1,\1/' ../in/all.csv >../in/flat.csv
expect 65 'column age has no spread in class ada' train ../in/names.yaml -s data.train.file=../in/flat.csv -s model.var_smoothing=0 -q -o ../flat

# Columns that are made: the same for networks and statistical models, from the levels of the training data.
{
    echo 'y,age,region,junk'
    for i in $(seq 48); do echo "$((i % 2)),$((i * 31 % 50)),$(echo 'west east north' | cut -d' ' -f$((i * 7 % 3 + 1))),word$i"; done
} >../in/made.csv
cat >../in/made.yaml <<'YAML'
data:
  train: {format: csv, file: ../in/made.csv, target: y}
  columns: {use: [age, region], one_hot: [region], drop_first: true, polynomial: 2, interactions: [[age, region]], standardize: true}
model: {layers: [dense: 2]}
train: {batch: 16, steps: 6}
YAML
expect 0 '6 steps' train ../in/made.yaml -q -o ../made
expect 0 '1 steps' train ../in/made.yaml -q -o ../made_nb -s 'model={type: gaussian_nb}' -s 'train={}'
for model in ../made ../made_nb; do
    grep -aq '^age:region=west$' $model/final.h5 || complain "$model: no name of a product"
    expect 0 '/output \(48, 2\)' predict $model -i ../in/made.csv -o ../whole.h5
    { echo 'region,age'; awk -F, 'NR == 3 {print $3 "," $2}' ../in/made.csv; } >../in/one.csv
    expect 0 '/output \(1, 2\)' predict $model -i ../in/one.csv -o ../one.h5
    expect 0 'samples' eval $model -s data.test.format=csv -s data.test.file=../in/made.csv -s data.test.target=y
    sed 's/east/south/' ../in/made.csv >../in/south.csv
    expect 65 'column "region": "south" is none of the 3 known there: east, north, west' predict $model -i ../in/south.csv -o p.h5
done
expect 78 'columns\.standardize: expected normalize: none beside it, found mean_std' train ../in/made.yaml -s data.normalize=mean_std -o r
expect 78 'interactions: "income" is none of the 2 columns in use' train ../in/made.yaml -s 'data.columns.interactions=[[age, income]]' -q -o r
expect 65 'column "junk": expected a number, found "word1"' train ../in/made.yaml -s 'data.columns.use=[age, junk]' -s 'data.columns.one_hot=[]' -s 'data.columns.interactions=[]' -q -o r
finish
