/* Collectives of a world that are not part of the step: bytes from here to there, and agreement on failures. Messages
   are cut at 1 GiB, so that no count passes 2^31. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "comm/world_private.h"

enum { MESSAGE_MAX = 1 << 30, TEXT_BYTES = 2048, TAG = 1 };

static size_t longest(const as_world *world)
{
    return world->message_bytes > 0 ? world->message_bytes : MESSAGE_MAX;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

as_status as_world_barrier(as_world *world)
{
    as_node_barrier(world);
    if (world->nodes > 1) {
        as_status status = AS_OK;
        if (world->leaders != MPI_COMM_NULL) {
            status = as_mpi_check(MPI_Barrier(world->leaders), "MPI_Barrier");
        }
        as_node_barrier(world);
        return status;
    }
    return AS_OK;
}

as_status as_world_broadcast(as_world *world, int root, void *data, size_t bytes)
{
    for (size_t at = 0; world->size > 1 && at < bytes;) {
        const size_t n = least(bytes - at, longest(world));
        AS_TRY(as_mpi_check(MPI_Bcast((char *)data + at, (int)n, MPI_BYTE, root, world->all), "MPI_Bcast"));
        at += n;
    }
    return AS_OK;
}

as_status as_world_all_gather(as_world *world, const void *mine, size_t bytes, void *all)
{
    if (world->size == 1 || bytes > longest(world) / (size_t)world->size) {
        char *own = (char *)all + (size_t)world->rank * bytes;
        if (bytes > 0 && own != mine) {
            memcpy(own, mine, bytes);
        }
        for (int rank = 0; rank < world->size; rank++) {
            AS_TRY(as_world_broadcast(world, rank, (char *)all + (size_t)rank * bytes, bytes));
        }
        return AS_OK;
    }
    return as_mpi_check(MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, world->all),
                        "MPI_Allgather");
}

static as_status receive_all(as_world *world, const void *mine, char *all, size_t *offset)
{
    memcpy(all, mine, offset[1] - offset[0]);
    for (int rank = 1; rank < world->size; rank++) {
        for (size_t at = offset[rank]; at < offset[rank + 1];) {
            const size_t n = least(offset[rank + 1] - at, longest(world));
            AS_TRY(as_mpi_check(MPI_Recv(all + at, (int)n, MPI_BYTE, rank, TAG, world->all, MPI_STATUS_IGNORE),
                                "MPI_Recv"));
            at += n;
        }
    }
    return AS_OK;
}

as_status as_world_gather(as_world *world, const void *mine, size_t bytes, void *all, size_t *offset)
{
    size_t *sizes = calloc((size_t)world->size, sizeof *sizes);
    as_status status = AS_OK;
    if (sizes == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for the sizes of %d ranks", world->size);
    }
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = as_world_all_gather(world, &bytes, sizeof bytes, sizes);
    }
    if (status == AS_OK && world->rank == 0) {
        offset[0] = 0;
        for (int rank = 0; rank < world->size; rank++) {
            offset[rank + 1] = offset[rank] + sizes[rank];
        }
        status = receive_all(world, mine, all, offset);
    } else if (status == AS_OK) {
        for (size_t at = 0; at < bytes && status == AS_OK;) {
            const size_t n = least(bytes - at, longest(world));
            status = as_mpi_check(MPI_Send((const char *)mine + at, (int)n, MPI_BYTE, 0, TAG, world->all), "MPI_Send");
            at += n;
        }
    }
    free(sizes);
    return status;
}

as_status as_world_agree(as_world *world, as_status mine)
{
    if (world->size == 1) {
        return mine;
    }
    /* The lowest failing rank, by integers only; then its status and message. */
    int first = mine == AS_OK ? world->size : world->rank, lowest = world->size;
    AS_TRY(as_mpi_check(MPI_Allreduce(&first, &lowest, 1, MPI_INT, MPI_MIN, world->all), "MPI_Allreduce"));
    if (lowest == world->size) {
        return AS_OK;
    }
    struct {
        int status;
        char text[TEXT_BYTES];
    } failure = {.status = (int)mine};
    snprintf(failure.text, sizeof failure.text, "%s", as_error_message());
    AS_TRY(as_world_broadcast(world, lowest, &failure, sizeof failure));
    int named;
    if (sscanf(failure.text, "rank %d (", &named) == 1) { /* agreed upon before */
        AS_FAIL((as_status)failure.status, "%s", failure.text);
    }
    AS_FAIL((as_status)failure.status, "rank %d (%s): %s", lowest, as_world_host(world, lowest), failure.text);
}
