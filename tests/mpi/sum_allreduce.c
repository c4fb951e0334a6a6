/* Negative control: comm/sum.h as one would write it without a fixed order. The parts of a rank are added up, and
   MPI_Allreduce(MPI_SUM) adds vectors, heads and blocks in whatever order it likes. Linked in front of the library in
   place of comm/sum.c, it makes programs that every test of equal bits must catch. One node only. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "comm/sum.h"

struct as_sum {
    as_world *world;
    const as_lanes *lanes;
    const as_kernels *kernels;
    int64_t n, first, count;
    char *part;   /* (own parts, n) */
    double *head; /* (own lanes, AS_HEAD_SIZE) */
    double result[AS_HEAD_SIZE];
    as_status status;
    uint32_t flags, all_flags;
    char text[1024];
};

static char *part_of(as_sum *sum, int part)
{
    return sum->part + (size_t)part * (size_t)sum->n * sum->kernels->real_bytes;
}

as_status as_sum_create(as_world *world, const as_lanes *lanes, const as_kernels *kernels, int64_t n,
                        const as_spans *summed, as_sum **out)
{
    (void)summed; /* the others are zeros, and so is their sum */
    as_sum *sum = calloc(1, sizeof *sum);
    const int64_t size = as_world_size(world), rank = as_world_rank(world), blocks = (n + AS_BLOCK - 1) / AS_BLOCK;
    if (sum == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory");
    }
    *sum = (as_sum){.world = world, .lanes = lanes, .kernels = kernels, .n = n};
    const int64_t end = blocks * (rank + 1) / size * AS_BLOCK;
    sum->first = blocks * rank / size * AS_BLOCK;
    sum->first = sum->first < n ? sum->first : n;
    sum->count = (end < n ? end : n) - sum->first;
    sum->part = calloc((size_t)lanes->program.parts * (size_t)n + 1, kernels->real_bytes);
    sum->head = calloc((size_t)lanes->count * AS_HEAD_SIZE, sizeof *sum->head);
    if (sum->part == NULL || sum->head == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory");
    }
    *out = sum;
    return AS_OK;
}

void as_sum_destroy(as_sum **sum)
{
    if (*sum != NULL) {
        free((*sum)->part);
        free((*sum)->head);
        free(*sum);
        *sum = NULL;
    }
}

void *as_sum_part(as_sum *sum, int part)
{
    return part_of(sum, part);
}

double *as_sum_head(as_sum *sum, int lane)
{
    return sum->head + lane * AS_HEAD_SIZE;
}

void as_sum_clear(as_sum *sum)
{
    memset(sum->head, 0, (size_t)sum->lanes->count * AS_HEAD_SIZE * sizeof *sum->head);
    sum->status = AS_OK;
    sum->flags = 0;
}

void as_sum_fail(as_sum *sum, as_status status, const char *message)
{
    if (sum->status == AS_OK) {
        sum->status = status;
        snprintf(sum->text, sizeof sum->text, "%s", message);
    }
}

void as_sum_flag(as_sum *sum, uint32_t flags)
{
    sum->flags |= flags;
}

as_status as_sum_reduce(as_sum *sum, as_team *team)
{
    (void)team;
    const bool alone = as_world_size(sum->world) == 1;
    double own[AS_HEAD_SIZE] = {0};
    AS_TRY(as_world_agree(sum->world, sum->status == AS_OK ? AS_OK : as_error_set(sum->status, "%s", sum->text)));
    for (int l = 0; l < sum->lanes->count * AS_HEAD_SIZE; l++) {
        own[l % AS_HEAD_SIZE] += sum->head[l];
    }
    for (int p = 1; p < sum->lanes->program.parts; p++) {
        sum->kernels->add(sum->n, part_of(sum, 0), part_of(sum, p), part_of(sum, 0));
    }
    memcpy(sum->result, own, sizeof own);
    sum->all_flags = sum->flags;
    if (!alone) {
        const MPI_Datatype type = sum->kernels->precision == AS_FLOAT64 ? MPI_DOUBLE : MPI_FLOAT;
        MPI_Allreduce(own, sum->result, AS_HEAD_SIZE, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        MPI_Allreduce(&sum->flags, &sum->all_flags, 1, MPI_UINT32_T, MPI_BOR, MPI_COMM_WORLD);
        MPI_Allreduce(MPI_IN_PLACE, sum->part, (int)sum->n, type, MPI_SUM, MPI_COMM_WORLD);
    }
    return AS_OK;
}

const double *as_sum_result(const as_sum *sum)
{
    return sum->result;
}

void as_sum_set_watch(as_sum *sum, const as_sum_watch *watch)
{
    (void)sum;
    (void)watch;
}

/* Without a tree there are no halves. */
void as_sum_halves(const as_sum *sum, double left[AS_HEAD_SIZE], double right[AS_HEAD_SIZE])
{
    (void)sum;
    memset(left, 0, AS_HEAD_SIZE * sizeof *left);
    memset(right, 0, AS_HEAD_SIZE * sizeof *right);
}

uint32_t as_sum_flags(const as_sum *sum)
{
    return sum->all_flags;
}

void as_sum_range(const as_sum *sum, int64_t *first, int64_t *count)
{
    *first = sum->first;
    *count = sum->count;
}

void *as_sum_slice(as_sum *sum)
{
    return sum->part + (size_t)sum->first * sum->kernels->real_bytes;
}

const double *as_sum_squares(const as_sum *sum)
{
    (void)sum;
    return NULL;
}

as_status as_sum_blocks(as_sum *sum, int width, const double *block, double *out)
{
    for (int j = 0; j < width; j++) {
        out[j] = 0;
        for (int64_t i = 0; i < (sum->count + AS_BLOCK - 1) / AS_BLOCK; i++) {
            out[j] += block[i * width + j];
        }
    }
    if (as_world_size(sum->world) > 1) {
        MPI_Allreduce(MPI_IN_PLACE, out, width, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    }
    return AS_OK;
}

as_status as_sum_share(as_sum *sum, void *vector, bool all)
{
    (void)vector;
    (void)all;
    return as_world_barrier(sum->world);
}

int64_t as_sum_sent_bytes(const as_sum *sum)
{
    (void)sum;
    return 0;
}
