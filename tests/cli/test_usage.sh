# Help everywhere, and bad command lines: exit 64, one line, nearest name.
. "$(dirname "$0")/expect.sh"

expect 0 '^usage: allsum VERB' --help
expect 0 '^usage: allsum VERB' -h
expect 0 '^usage: allsum VERB' help
expect 0 '^allsum [0-9]+\.[0-9]+\.[0-9]+$' --version
expect 64 'missing verb'
expect 64 "unknown verb 'lst' \(did you mean 'list'\?\)" lst
expect 64 "unknown verb 'qqqqqqqq' \(see: allsum --help\)" qqqqqqqq
expect 64 "unknown verb 'nothing'" help nothing
expect 64 "found option '--hlp'" --hlp
expect 64 "unknown option '--hlep' \(did you mean '--help'\?\)" list --hlep
expect 64 "unknown option '-x'" list -x
expect 64 "'--help' takes no value" list --help=yes
expect 64 "unexpected argument 'b'" list a b
expect 64 "unknown group 'lossse' \(did you mean 'losses'\?\)" list lossse
expect 64 "unknown group '--help'" list -- --help
mapfile -t many < <(for i in $(seq 257); do printf -- '-s\nseed=%d\n' "$i"; done)
expect 64 'train: at most 256 --set' train "${many[@]}" -q -o ../never
expect 0 '^seed: 256' train "${many[@]:0:512}" --print-config
expect 0 '^verbs ' list
expect 0 '  list  ' list verbs

# Every verb has help, with a usage line and its options.
for verb in $("$program" list verbs | awk 'NR > 1 {print $1}'); do
    expect 0 "^usage: allsum $verb" "$verb" --help
    expect 0 '  -h, --help ' "$verb" -h
    expect 0 "^usage: allsum $verb" help "$verb"
done

# Threads whose stacks are too small for the kernels are refused, not run (ulimit -s unlimited gives them 2 MiB).
small=(train -s 'model={layers: [{dense: 10}]}' -s 'train={batch: 100, steps: 1}')
OMP_NUM_THREADS=2 OMP_STACKSIZE=1M expect 64 'at least 3072 KiB, found 1024 KiB: set OMP_STACKSIZE=8M' "${small[@]}" -o ../small
OMP_NUM_THREADS=2 OMP_STACKSIZE=4M expect 0 '' "${small[@]}" -q -o ../enough
(ulimit -s unlimited && OMP_NUM_THREADS=2 "$program" "${small[@]}" -q -o ../unlimited >../out 2>../err) || complain 'an unlimited stack'

# Lengths of time as people and batch systems write them; launch/pbs.sh has one.
"$program" "${small[@]}" -q -o ../timed --max-time "$(sed -n 's/^command_line.*--max-time \([0-9a-z]*\).*/\1/p' "$source_dir/launch/pbs.sh")" >../out 2>../err || complain 'the time of launch/pbs.sh'
for time in 90 1.5h 2d1h 0:30:00 1-00:00:00; do expect 0 '' "${small[@]}" -q -o "../timed-$time" --max-time "$time"; done
for time in 3h50 3x h 1: -5 0; do expect 64 "--max-time: expected a time like .*, found '$time'" "${small[@]}" -o ../never --max-time="$time"; done

printf 'data: {train: {format: builtin, name: digits}}\nmodel: {layers: [{dense: 10}], loss: cross_entropy}\ntrain: {steps: 1}\n' >../in/net.yaml
# Without a file: another model or other data need no word about what the built-in network and images have.
expect 0 'accuracy 0\.9' train -s model.type=logistic -s model.penalty=l2 -q -o ../nofile
printf 'a,b,y\n1,2,3\n2,5,4\n4,1,9\n5,5,8\n' >../in/few.csv
n=0
for set in 'data.train={format: csv, file: ../in/few.csv, target: [y]}' data.train.format=csv; do
    expect 0 '2 steps in' train -s "$set" -s data.train.file=../in/few.csv -s 'data.train.target=[y]' -s model.type=ols -q -o ../nofile-$((++n))
done
expect 0 'Dep. Variable: +y ' info ../nofile-2
expect 78 "unknown key 'model.penalty'" train -s model.type=ols -s model.penalty=l2 -o ../never
expect 0 ' 2 steps in' train -s model.type=gmm -s model.n_components=2 -s model.covariance_type=diagonal -s train.steps=2 -q -o ../nofile-steps
expect 78 'a model of type ols has no optimizer' train -s model.type=ols -s optimizer.lr=0.1 -o ../never
expect 0 '1 steps in' train ../in/net.yaml -s model.type=pca -q -o ../changed

# No colours into a file; results that cannot be written are an error.
"$program" list 2>&1 | grep -q $'\033' && { echo "colours in a file"; failures=$((failures + 1)); }
"$program" list >/dev/full 2>../err && { echo "a full disk behind stdout went unnoticed"; failures=$((failures + 1)); }
grep -q 'cannot write to standard output' ../err || { echo "no word about stdout"; failures=$((failures + 1)); }
finish
