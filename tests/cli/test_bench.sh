# bench: what belongs to another subject is refused, and what comes out can be read.
. "$(dirname "$0")/expect.sh"

expect 64 "expected gemm, conv, .*found 'gem' \(did you mean 'gemm'\?\)" bench gem
expect 64 'bench gemm: --dir belongs to bench io' bench gemm --dir .
expect 64 'bench io: --sweep belongs to bench step' bench io --sweep batch
expect 64 "expected batch, width or depth, found 'lanes'" bench step --sweep lanes
expect 64 '--precision: expected 32 or 64' bench sum --precision 33
expect 64 "--threads: expected a whole number from 1 to 1024, found '0'" bench sum --threads 0
expect 64 '--dir: expected a value, found none' bench io --dir ''
expect 73 'no/such/allsum-bench-[0-9]+: No such file' bench io --dir ../no/such
expect 0 '^sum over 1 rank x 2 threads, 24 lanes, float64' bench sum --threads 2 --precision 64
expect 0 '^\{"bench": "sum", "ranks": 1, "threads": 1, .*"share_us": [0-9.e-]+, "repeats": [3-7]\}\], "left_out_from_bytes": 0\}$' bench sum --threads 1 --json
mkdir '../a, {b}: "c"' # a name that is more than a word in YAML
expect 0 '^read csv, 200000 rows' bench io --dir '../a, {b}: "c"'
[ -z "$(ls '../a, {b}: "c"')" ] || complain 'a file is left'
finish
