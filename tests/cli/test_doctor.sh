# doctor: the machine and the self-test; bad settings of the environment; how a launcher is found.
. "$(dirname "$0")/expect.sh"

expect 0 '^libraries  HDF5 [0-9.]+ .*zlib [0-9.]+, libyaml [0-9.]+$' doctor
expect 0 '^kernels    the same bits .*portable' doctor
expect 0 '^sum        the same bits as the tree: 24 lanes over 1 rank$' doctor
expect 0 '^threads    3 a rank \(--threads\)' doctor -t 3
ALLSUM_ISA=portable "$program" doctor 2>../err | grep -q '^isa        portable ' || complain "ALLSUM_ISA is not heard"
[ "$(grep -c 'portable kernels (ALLSUM_ISA): the same bits, many times slower' ../err)" -eq 1 ] || complain "no word of slow kernels"
"$program" doctor 2>&1 | grep -q 'portable kernels (' && complain "a warning without portable kernels"
ALLSUM_ISA='' expect 0 '^isa ' doctor
OMP_NUM_THREADS=2,1 "$program" doctor 2>/dev/null | grep -q '^threads    2 a rank (OMP_NUM_THREADS=2,1)' ||
    complain "OMP_NUM_THREADS is not heard"
[ -z "$(ls -A .)" ] || complain "doctor left $(ls -A .)"
expect 64 '--threads: expected a whole number from 1 to 1024' doctor -t 0
export ALLSUM_ISA=avx1024
expect 64 'ALLSUM_ISA' doctor
unset ALLSUM_ISA
export OMP_NUM_THREADS=5000 # words are refused by the OpenMP library too
expect 64 "OMP_NUM_THREADS: expected a whole number.*found '5000'" doctor
unset OMP_NUM_THREADS

# Several tasks of srun without MPI would all be rank 0: refused.
export SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=2
expect 64 'srun started several tasks without MPI' doctor
unset SLURM_PROCID SLURM_STEP_NUM_TASKS
finish
