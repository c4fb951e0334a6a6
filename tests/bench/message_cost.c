/* What messages cost between two ranks, as the sum between nodes sends them: the constants that a forecast over nodes
   needs. usage: mpirun -np 2 message_cost; on two nodes for their network, on one for messages through its memory */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 512, REPEATS = 200, LARGE = 4 << 20 };

/* Least seconds in which both ranks send `count` messages of so many bytes to each other, all at once. */
static double exchange(int count, int bytes, char *from, char *to)
{
    MPI_Request request[2 * MOST];
    int rank;
    double least = 1e9;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (int i = 0; i < REPEATS; i++) {
        MPI_Barrier(MPI_COMM_WORLD);
        const double begin = MPI_Wtime();
        for (int m = 0; m < count; m++) {
            MPI_Irecv(to + (size_t)m * (size_t)bytes, bytes, MPI_BYTE, 1 - rank, 1, MPI_COMM_WORLD, &request[m]);
        }
        for (int m = 0; m < count; m++) {
            MPI_Isend(from + (size_t)m * (size_t)bytes, bytes, MPI_BYTE, 1 - rank, 1, MPI_COMM_WORLD,
                      &request[count + m]);
        }
        MPI_Waitall(2 * count, request, MPI_STATUSES_IGNORE);
        const double mine = MPI_Wtime() - begin;
        double slowest;
        MPI_Allreduce(&mine, &slowest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
        least = slowest < least ? slowest : least;
    }
    return least;
}

int main(int argc, char **argv)
{
    int size, rank;
    MPI_Init(&argc, &argv);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    char *from = calloc(1, LARGE), *to = calloc(1, LARGE);
    if (size != 2 || from == NULL || to == NULL) {
        fprintf(stderr, "message_cost: expected 2 ranks and %d bytes for each, found %d ranks\n", 2 * LARGE, size);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    const double one = exchange(1, 8, from, to), many = exchange(MOST, 2048, from, to),
                 large = exchange(1, LARGE, from, to);
    if (rank == 0) {
        printf("{\"latency_us\": %.3g, \"message_us\": %.3g, \"gb_per_s\": %.3g}\n", one * 1e6,
               (many - one) / (MOST - 1) * 1e6, LARGE / (large - one) * 1e-9);
    }
    free(from);
    free(to);
    MPI_Finalize();
    return 0;
}
