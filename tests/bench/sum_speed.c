/* The sum beside MPI_Allreduce on the same machine in one run. Not a timed test: it prints figures.
   usage: mpirun -np N sum_speed [threads=N] [p2p] [node=RANKS] */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "run/bench_sum.h"

enum { REPEATS = 100 };

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void allreduce(size_t bytes, char *vector)
{
    double time[REPEATS];
    int rank, repeats = (int)((size_t)(256 << 20) / bytes);
    repeats = repeats < 7 ? 7 : repeats < REPEATS ? repeats : REPEATS;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (int i = 0; i < repeats; i++) {
        memset(vector, i & 1, bytes);
        MPI_Barrier(MPI_COMM_WORLD);
        const double begin = MPI_Wtime();
        MPI_Allreduce(MPI_IN_PLACE, vector, (int)(bytes / sizeof(float)), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        const double mine = MPI_Wtime() - begin;
        MPI_Reduce(&mine, &time[i], 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    }
    if (rank == 0) {
        qsort(time, (size_t)repeats, sizeof *time, ascending);
        printf("%12zu %14.1f %14.2f\n", bytes, time[repeats / 2] * 1e6, (double)bytes / time[repeats / 2] * 1e-9);
    }
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
    as_text text = {0};
    if (as_world_open(&options, &world) != AS_OK || as_team_create(threads, &team) != AS_OK ||
        as_bench_sum(world, team, as_kernels_get(as_isa_detect(), AS_FLOAT32), &text) != AS_OK) {
        fprintf(stderr, "%s\n", as_error_message());
        return 1;
    }
    if (as_world_rank(world) == 0) {
        printf("%sMPI_Allreduce, in place\n", text.data);
    }
    as_text_free(&text);
    char *vector = malloc(64 << 20);
    for (size_t bytes = 1 << 10; vector != NULL && bytes <= 64 << 20; bytes *= 4) {
        allreduce(bytes, vector);
    }
    free(vector);
    as_team_destroy(&team);
    as_world_close(&world);
    return 0;
}
