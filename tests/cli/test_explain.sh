# explain: keys, kinds, plans.
. "$(dirname "$0")/expect.sh"

expect 0 '^optimizer\.lr$' explain optimizer.lr
expect 0 '^  default ' explain optimizer.lr
expect 0 '^adam \(optimizer' explain adam
expect 0 '^  beta1 ' explain optimizer.adam
expect 0 '^model\.layers\.dense\.units$' explain model.layers.0.dense.units
expect 0 '^data\.train\.idx\.x$' explain data.test.x
expect 0 '^  kinds: .*cosine' explain schedule
expect 0 '^checkpoint$' explain --all
expect 64 "'learning_rate' is no key.*\(did you mean 'lr'\?\)" explain learning_rate
expect 64 'see: allsum explain --all' explain qqqqqqqq
expect 64 '^error: explain: --markdown goes with --all' explain --markdown
expect 64 '^error: explain: --all takes no argument' explain --all lr

# The plan of the built-in network: 64-256-128-10 has 64*256+256 + 256*128+128 + 128*10+10 parameters.
expect 0 ' total +50826 ' explain
expect 0 '1438 rows of 8x8' explain "$source_dir/configs/digits.yaml"
expect 0 '32 samples in 2 lanes' explain -s train.batch=32
# A run holds out round(0.1 * 1438) = 144 rows, and a full batch has 24 lanes however many rows there are.
expect 0 '; 1294 steps an epoch' explain -s train.batch=1 -s data.validation=0.1
expect 0 '100 samples in 24 lanes' explain -s train.batch=full -s 'data.train={format: builtin, name: spirals, samples: 100}' \
    -s 'model.layers=[{dense: 2}]'
expect 66 'absent\.yaml: cannot open' explain absent.yaml
expect 78 'layer dense_3.*expects 7 outputs, found 10' explain -s data.classes=7
expect 78 "data.train: missing key 'x'" explain -s 'data.train={format: idx}'
finish
