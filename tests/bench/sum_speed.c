/* The sum beside MPI_Allreduce on the same machine, size by size in one run. Not a timed test: it prints figures.
   usage: mpirun -np N sum_speed [threads=N] [p2p] [node=RANKS] */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "run/bench_sum.h"

enum { REPEATS = 400 };

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds of an all-reduce in place, median of the slowest rank; every rank rewrites its vector before. */
static double allreduce(size_t bytes, char *vector)
{
    double time[REPEATS];
    int repeats = (int)((size_t)(256 << 20) / bytes);
    repeats = repeats < 7 ? 7 : repeats < REPEATS ? repeats : REPEATS;
    for (int i = 0; i < repeats; i++) {
        memset(vector, i & 1, bytes);
        MPI_Barrier(MPI_COMM_WORLD);
        const double begin = MPI_Wtime();
        MPI_Allreduce(MPI_IN_PLACE, vector, (int)(bytes / sizeof(float)), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        const double mine = MPI_Wtime() - begin;
        MPI_Allreduce(&mine, &time[i], 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    }
    qsort(time, (size_t)repeats, sizeof *time, ascending);
    return time[repeats / 2];
}

static as_status compare(as_world *world, as_team *team, const as_lanes *lanes, char *vector)
{
    const as_kernels *const kernels = as_kernels_get(as_isa_detect(), AS_FLOAT32);
    const bool speaks = as_world_rank(world) == 0;
    if (speaks) {
        printf("%d ranks x %d threads, %s; us, median of the slowest rank\n%12s %10s %10s %8s %10s %14s %8s\n",
               as_world_size(world), as_team_size(team), as_world_transport(world), "bytes", "reduce", "least", "GB/s",
               "share", "MPI_Allreduce", "ratio");
    }
    for (size_t bytes = AS_BENCH_SUM_LEAST; bytes <= AS_BENCH_SUM_MOST; bytes *= 4) {
        as_bench_sum_row row;
        AS_TRY(as_bench_sum_size(world, team, lanes, kernels, bytes, &row));
        const double theirs = allreduce(bytes, vector);
        if (speaks) { /* What MPI_Allreduce does is reduce and share. */
            printf("%12zu %10.1f %10.1f %8.2f %10.1f %14.1f %8.2f\n", bytes, row.reduce * 1e6, row.least * 1e6,
                   (double)bytes / row.reduce * 1e-9, row.share * 1e6, theirs * 1e6, theirs / (row.reduce + row.share));
            fflush(stdout);
        }
    }
    return AS_OK;
}

int main(int argc, char **argv)
{
    as_world_options options = {.launched = true};
    int threads = 1;
    for (int i = 1; i < argc; i++) {
        options.p2p = options.p2p || strcmp(argv[i], "p2p") == 0;
        sscanf(argv[i], "threads=%d", &threads);
        sscanf(argv[i], "node=%d", &options.node_ranks);
    }
    as_world *world;
    as_team *team;
    as_lanes lanes;
    char *vector = malloc(AS_BENCH_SUM_MOST);
    if (vector == NULL || as_world_open(&options, &world) != AS_OK || as_team_create(threads, &team) != AS_OK ||
        as_bench_sum_lanes(world, &lanes) != AS_OK || compare(world, team, &lanes, vector) != AS_OK) {
        fprintf(stderr, "%s\n", as_error_message());
        return 1;
    }
    free(vector);
    as_lanes_destroy(&lanes);
    as_team_destroy(&team);
    as_world_close(&world);
    return 0;
}
