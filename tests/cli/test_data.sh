# data generate: files that train, the same bytes from the same seed; what is refused.
. "$(dirname "$0")/expect.sh"

expect 0 'b\.h5: /x and /y, 20 rows of 32: u_t \+ u u_x = nu u_xx' data generate burgers -o ../in/b.h5 -n 20 -s points=32 -s time=0.05
expect 0 '/x +float(32|64) +20x32' info ../in/b.h5
expect 0 '20 rows of 32' data generate burgers -o ../in/again.h5 -n 20 -s points=32 -s time=0.05
cmp ../in/b.h5 ../in/again.h5 || complain "the same rows are another file"
expect 0 'b2\.h5' data generate burgers -o ../in/b2.h5 -n 20 -s points=32 -s time=0.05 --seed 2
cmp -s ../in/b.h5 ../in/b2.h5 && complain "another seed gives the same file"
expect 0 '5 rows of 8x8' data generate heat -o ../in/h.h5 -n 5 -s points=8
expect 0 'burgers' list generators
expect 0 'viscosity' explain burgers
printf 'name: t\ndata: {train: {format: hdf5, file: ../in/b.h5}}\nmodel: {layers: [{dense: 32}], loss: mse}\ntrain: {batch: 8, steps: 2}\n' >../in/t.yaml
expect 0 ' 2 steps ' train ../in/t.yaml -q -o ../t
expect 64 'expected generate, found' data make burgers
expect 64 "unknown kind 'burger' \(did you mean 'burgers'\?\)" data generate burger -o x.h5
expect 64 'out FILE\.h5 is needed' data generate heat
expect 64 'expected KEY=VALUE' data generate heat -o x.h5 -s points
expect 78 'viscosty' data generate burgers -o x.h5 -s viscosty=1
expect 78 'modes: expected at most 4' data generate burgers -o x.h5 -s points=8 -s modes=5
expect 73 'nowhere' data generate heat -o nowhere/x.h5 -s points=8
finish
