/* The sum of a round.

   Every rank writes the vectors of its parts and their heads into memory that its node shares. After one
   barrier each rank reads the parts of its own slice where they lie and adds them along the tree, tile by tile: no
   copies, no messages. Between nodes the parts travel as messages (sum_wire.c). The result lands in the first part of
   the rank, so that one process with one part has nothing to do at all.

   Cost with k parts in all, one node: k + 1 passes over n / ranks elements per rank (what is summed of them), and one
   barrier. The next round
   may overwrite parts only when the others have read them: as_sum_clear waits for their counters, which as_sum_share
   has always seen already. */
#include "comm/sum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "comm/sum_private.h"

enum { PAGE = 4096, TILE_BYTES = AS_BLOCK * 8, TEAM_WORTH = 16 * AS_BLOCK };

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

void as_sum_range_of(const as_sum *sum, int rank, int64_t *first, int64_t *count)
{
    const int64_t size = as_world_size(sum->world), q = sum->nblocks / size, more = sum->nblocks % size;
    const int64_t from = rank * q + (rank < more ? rank : more), blocks = q + (rank < more ? 1 : 0);
    *first = from * AS_BLOCK < sum->n ? from * AS_BLOCK : sum->n;
    const int64_t end = (from + blocks) * AS_BLOCK < sum->n ? (from + blocks) * AS_BLOCK : sum->n;
    *count = end - *first;
}

void as_sum_members_of(const as_sum *sum, int rank, int64_t *from, int64_t *to)
{
    int64_t first, count;
    as_sum_range_of(sum, rank, &first, &count);
    *from = as_spans_before(sum->summed, first);
    *to = as_spans_before(sum->summed, first + count);
}

static int64_t blocks_of(const as_sum *sum, int rank)
{
    int64_t first, count;
    as_sum_range_of(sum, rank, &first, &count);
    return (count + AS_BLOCK - 1) / AS_BLOCK;
}

/* Places inside the node's memory: offsets first (base NULL), addresses once it is there. Returns the bytes. */
static size_t lay_out(as_sum *sum, char *base, size_t *part_at)
{
    const as_world *world = sum->world;
    size_t at = (size_t)world->node_size * sizeof *sum->slot;
    sum->slot = (void *)base;
    sum->mail = base + at;
    size_t mail = 0;
    for (int node = 0; node < world->nodes; node++) {
        sum->mail_at[node] = mail;
        for (int i = world->node_start[node]; i < world->node_start[node + 1]; i++) {
            const int rank = world->member[i];
            sum->rider[rank] = (void *)(sum->mail + mail);
            mail += sizeof(as_rider);
            for (int p = sum->part_begin[rank]; p < sum->part_begin[rank + 1]; p++) {
                sum->head[p] = (void *)(sum->mail + mail);
                mail += AS_HEAD_SIZE * sizeof(double);
            }
            mail = round_up(mail, AS_CACHE_LINE);
        }
    }
    sum->mail_at[world->nodes] = mail;
    at += mail;
    sum->blocks = (void *)(base + at);
    at += round_up(2 * AS_BLOCK_COLUMNS * (size_t)sum->nblocks * sizeof(double), AS_CACHE_LINE);
    const size_t stride = round_up((size_t)sum->n * sum->kernels->real_bytes, AS_CACHE_LINE);
    for (int p = 0; p < sum->lanes->parts_total; p++) {
        const int rank = sum->lanes->part_rank[p];
        if (world->rank_node[rank] == world->node) {
            at = sum->lanes->part_index[p] == 0 ? round_up(at, PAGE) : at;
            part_at[p] = at;
            at += stride;
        }
    }
    return at;
}

static as_status allocate(as_sum *sum)
{
    const as_lanes *lanes = sum->lanes;
    const size_t size = (size_t)sum->world->size, all = (size_t)lanes->lanes, own = (size_t)lanes->count;
    const size_t parts = (size_t)lanes->parts_total, blocks = (size_t)blocks_of(sum, sum->world->rank);
    sum->mail_at = calloc((size_t)sum->world->nodes + 1, sizeof *sum->mail_at);
    sum->rider = calloc(size, sizeof *sum->rider);
    sum->lane_head = calloc(own * AS_HEAD_SIZE, sizeof *sum->lane_head);
    sum->lane_at = calloc(own, sizeof *sum->lane_at);
    sum->head = calloc(parts, sizeof *sum->head);
    sum->part_begin = calloc(size + 1, sizeof *sum->part_begin);
    sum->squares = calloc(blocks + 1, sizeof *sum->squares);
    sum->column = calloc((size_t)sum->nblocks + 1, sizeof *sum->column);
    sum->block_at = calloc(size, sizeof *sum->block_at);
    sum->leaf = calloc(all, sizeof *sum->leaf);
    sum->part = calloc(all, sizeof *sum->part);
    if (sum->mail_at == NULL || sum->rider == NULL || sum->lane_head == NULL || sum->lane_at == NULL ||
        sum->head == NULL || sum->part_begin == NULL || sum->squares == NULL || sum->column == NULL ||
        sum->block_at == NULL || sum->leaf == NULL || sum->part == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a sum over %d ranks", sum->world->size);
    }
    for (int l = 0; l < lanes->count; l++) {
        sum->lane_at[l] = sum->lane_head + l * AS_HEAD_SIZE;
    }
    for (int p = 0; p < lanes->parts_total; p++) {
        sum->part_begin[lanes->part_rank[p] + 1] = p + 1;
    }
    sum->own_head = sum->head + sum->part_begin[sum->world->rank];
    int64_t at = 0;
    for (int i = 0; i < sum->world->size; i++) {
        sum->block_at[sum->world->member[i]] = at;
        at += blocks_of(sum, sum->world->member[i]);
    }
    return AS_OK;
}

/* Parts of this node in lane order are leaves of the merge, read in place. */
static as_status find_leaves(as_sum *sum, const size_t *part_at)
{
    const as_lanes *lanes = sum->lanes;
    for (int p = 0; p < lanes->parts_total; p++) {
        char *start = (char *)sum->memory + part_at[p];
        if (sum->world->rank_node[lanes->part_rank[p]] == sum->world->node) {
            sum->leaf[p].start = start;
        }
        if (lanes->part_rank[p] == sum->world->rank) {
            sum->part[lanes->part_index[p]] = start;
        }
    }
    if (sum->world->nodes > 1) {
        return as_wire_create(sum);
    }
    sum->leaves = lanes->parts_total;
    return as_tree_merge_make(&lanes->tree, lanes->parts_total, lanes->part_first, lanes->part_lanes, &sum->merge);
}

/* The memory of the node. Where not all is summed, each rank touches what it will write of its parts, and nobody the
   rest. */
static as_status open_memory(as_sum *sum, size_t *part_at)
{
    const size_t real_bytes = sum->kernels->real_bytes, bytes = lay_out(sum, NULL, part_at);
    const size_t left_out = (size_t)(sum->n - sum->summed->count) * real_bytes;
    size_t parts = 0;
    for (int p = 0; p < sum->lanes->parts_total; p++) {
        parts += sum->world->rank_node[sum->lanes->part_rank[p]] == sum->world->node ? 1 : 0;
    }
    AS_TRY(as_world_agree(sum->world, as_node_memory(sum->world, bytes, bytes - parts * left_out, &sum->memory)));
    lay_out(sum, sum->memory, part_at);
    AS_TRY(as_world_agree(sum->world, find_leaves(sum, part_at)));
    for (int p = 0; left_out > 0 && p < sum->lanes->program.parts; p++) {
        for (int64_t i = 0, n, first; i < sum->summed->count; i += n) {
            n = as_spans_next(sum->summed, i, sum->summed->count, &first);
            memset(sum->part[p] + (size_t)first * real_bytes, 0, (size_t)n * real_bytes);
        }
    }
    return AS_OK;
}

static as_status create(as_sum *sum)
{
    as_world *world = sum->world;
    AS_TRY(as_world_agree(world, allocate(sum)));
    as_sum_range_of(sum, world->rank, &sum->first, &sum->count);
    size_t *part_at = calloc((size_t)sum->lanes->parts_total, sizeof *part_at);
    as_status status =
        part_at == NULL ? as_error_set(AS_NOMEM, "out of memory for %d parts", sum->lanes->parts_total) : AS_OK;
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = open_memory(sum, part_at);
    }
    free(part_at);
    return status;
}

as_status as_sum_create(as_world *world, const as_lanes *lanes, const as_kernels *kernels, int64_t n,
                        const as_spans *summed, as_sum **out)
{
    *out = NULL;
    as_sum *sum = calloc(1, sizeof *sum);
    const as_status status =
        as_world_agree(world, sum == NULL ? as_error_set(AS_NOMEM, "out of memory for a sum") : AS_OK);
    if (status != AS_OK) {
        free(sum);
        return status;
    }
    *sum = (as_sum){.world = world, .lanes = lanes, .kernels = kernels, .n = n};
    sum->nblocks = (n + AS_BLOCK - 1) / AS_BLOCK;
    sum->whole_span.count = n;
    sum->whole = (as_spans){.n = n > 0 ? 1 : 0, .span = &sum->whole_span, .count = n};
    sum->summed = summed != NULL ? summed : &sum->whole;
    const as_status made = create(sum);
    if (made != AS_OK) {
        as_sum_destroy(&sum);
        return made;
    }
    *out = sum;
    return AS_OK;
}

void as_sum_destroy(as_sum **sum)
{
    as_sum *s = *sum;
    if (s == NULL) {
        return;
    }
    as_wire_destroy(&s->wire);
    as_tree_program_destroy(&s->merge);
    as_world_shared_free(s->world, &s->memory);
    free(s->mail_at);
    free(s->rider);
    free(s->lane_head);
    free(s->lane_at);
    free(s->head);
    free(s->part_begin);
    free(s->squares);
    free(s->column);
    free(s->block_at);
    free(s->leaf);
    free(s->part);
    free(s);
    *sum = NULL;
}

void *as_sum_part(as_sum *sum, int part)
{
    return sum->part[part];
}

double *as_sum_head(as_sum *sum, int lane)
{
    return sum->lane_at[lane];
}

/* Acquires what the others released when they had read: heads, riders and parts may be written again. */
void as_sum_clear(as_sum *sum)
{
    as_wait wait = {0};
    for (int i = 0; i < sum->world->node_size; i++) {
        while (atomic_load_explicit(&sum->slot[i].finished, memory_order_acquire) < sum->rounds) {
            as_wait_for_node(sum->world, &wait);
        }
    }
    memset(sum->lane_head, 0, (size_t)sum->lanes->count * AS_HEAD_SIZE * sizeof(double));
    *sum->rider[sum->world->rank] = (as_rider){0};
    sum->text[0] = '\0';
}

void as_sum_fail(as_sum *sum, as_status status, const char *message)
{
    as_rider *rider = sum->rider[sum->world->rank];
    if (rider->status == AS_OK) {
        rider->status = (int32_t)status;
        snprintf(sum->text, sizeof sum->text, "%s", message);
    }
}

void as_sum_flag(as_sum *sum, uint32_t flags)
{
    sum->rider[sum->world->rank]->flags |= flags;
}

/* Heads along a program: leaf[i] is pushed, emitted node q goes to out[q] (NULL: to nobody). half, or NULL: what the
   last merge puts together; left alone where there is none. */
static void merge_heads(const as_tree_program *program, double *const *leaf, double *const *out,
                        double (*half)[AS_HEAD_SIZE])
{
    double stack[AS_TREE_DEPTH_MAX][AS_HEAD_SIZE];
    int level = 0, emitted = 0;
    for (int i = 0; i < program->steps; i++) {
        const int step = program->step[i];
        if (step >= 0) {
            memcpy(stack[level++], leaf[step], sizeof stack[0]);
        } else if (step == AS_TREE_MERGE) {
            level--;
            if (half != NULL) {
                memcpy(half, stack[level - 1], 2 * sizeof half[0]);
            }
            for (int j = 0; j < AS_HEAD_SIZE; j++) {
                stack[level - 1][j] += stack[level][j];
            }
        } else {
            level--;
            if (out != NULL) {
                memcpy(out[emitted++], stack[level], sizeof stack[0]);
            }
        }
    }
}

/* Heads and riders of all are here: result, flags, and the lowest failing rank (or the number of ranks). */
static int judge(as_sum *sum)
{
    const int size = sum->world->size;
    int failing = size;
    sum->flags = 0;
    for (int rank = size - 1; rank >= 0; rank--) {
        sum->flags |= sum->rider[rank]->flags;
        failing = sum->rider[rank]->status != AS_OK ? rank : failing;
    }
    const bool watched = sum->watch != NULL, parted = sum->lanes->parts_total > 1;
    memset(sum->half, 0, sizeof sum->half);
    merge_heads(&sum->lanes->merge, sum->head, &(double *){sum->result}, watched && parted ? sum->half : NULL);
    if (watched && !parted) { /* the root is among the own lanes */
        merge_heads(&sum->lanes->program, sum->lane_at, NULL, sum->half);
    }
    return failing;
}

static as_status fail_together(as_sum *sum, int failing, as_status status)
{
    char text[AS_RIDER_TEXT];
    memcpy(text, sum->text, sizeof text);
    AS_TRY(as_world_broadcast(sum->world, failing, text, sizeof text));
    if (sum->world->size == 1) {
        AS_FAIL(status, "%s", text);
    }
    AS_FAIL(status, "rank %d (%s): %s", failing, as_world_host(sum->world, failing), text);
}

/* Elements of at most one tile, from element `first` on, of all that a program emits. */
static void merge_tile(const as_kernels *kernels, const as_tree_program *program, const as_place *leaf,
                       const as_place *out, int64_t first, int64_t n, const as_sum_watch *watch)
{
    const size_t offset = (size_t)first * kernels->real_bytes;
    _Alignas(64) char tile[AS_TREE_DEPTH_MAX][TILE_BYTES]; /* touched only as deep as the program goes */
    const char *stack[AS_TREE_DEPTH_MAX + 1];
    int level = 0, emitted = 0;
    for (int i = 0; i < program->steps; i++) {
        const int step = program->step[i];
        if (step >= 0) {
            stack[level++] = leaf[step].start + (offset - leaf[step].origin);
            continue;
        }
        char *to = out[emitted].start == NULL ? NULL : out[emitted].start + (offset - out[emitted].origin);
        if (step == AS_TREE_MERGE) {
            level--;
            to = program->step[i + 1] == AS_TREE_EMIT ? to : tile[level - 1];
            if (watch != NULL && i + 2 == program->steps) {
                watch->see(watch->context, first, n, stack[level - 1], stack[level]);
            }
            kernels->add(n, stack[level - 1], stack[level], to);
            stack[level - 1] = to;
        } else {
            level--;
            emitted++;
            if (to != NULL && to != stack[level]) {
                memcpy(to, stack[level], (size_t)n * kernels->real_bytes);
            }
        }
    }
}

typedef struct merge_job {
    const as_sum *sum;
    const as_tree_program *program;
    const as_place *leaf, *out;
    int64_t from, to; /* members of what is summed */
    double *squares;  /* of the blocks of the own slice, as the first output has it; or NULL */
    const as_sum_watch *watch;
    int threads;
} merge_job;

/* Summed elements side by side, block by block. */
static void merge_run(const merge_job *job, int64_t first, int64_t count)
{
    const as_kernels *kernels = job->sum->kernels;
    for (int64_t at = first; at < first + count; at += AS_BLOCK) {
        const int64_t tile = first + count - at < AS_BLOCK ? first + count - at : AS_BLOCK;
        merge_tile(kernels, job->program, job->leaf, job->out, at, tile, job->watch);
        if (job->squares != NULL) {
            const size_t offset = (size_t)at * kernels->real_bytes;
            job->squares[(at - job->sum->first) / AS_BLOCK] =
                kernels->sum_squares(tile, job->out->start + (offset - job->out->origin));
        }
    }
}

static void merge_share(void *argument, int thread)
{
    const merge_job *job = argument;
    int64_t from, count, first;
    as_team_share(job->to - job->from, AS_BLOCK, thread, job->threads, &from, &count);
    const int64_t to = job->from + from + count;
    for (int64_t i = job->from + from, n; i < to; i += n) {
        n = as_spans_next(job->sum->summed, i, to, &first);
        merge_run(job, first, n);
    }
}

static void merge(merge_job *job, as_team *team)
{
    job->threads = job->to - job->from < TEAM_WORTH ? 1 : as_team_size(team);
    if (job->threads == 1) {
        merge_share(job, 0);
    } else {
        as_team_run(team, merge_share, job);
    }
}

void as_sum_merge(const as_sum *sum, as_team *team, const as_tree_program *program, const as_place *leaf,
                  const as_place *out, int64_t from, int64_t to, const as_sum_watch *watch)
{
    merge_job job = {.sum = sum, .program = program, .leaf = leaf, .out = out, .from = from, .to = to, .watch = watch};
    merge(&job, team);
}

/* The slice of a node that has all parts. One part is the sum itself. Blocks that are not summed keep the square 0. */
static void merge_slice(as_sum *sum, as_team *team)
{
    merge_job job = {.sum = sum,
                     .program = &sum->merge,
                     .leaf = sum->leaf,
                     .out = &(as_place){.start = sum->part[0]},
                     .squares = sum->squares,
                     .watch = sum->watch};
    as_sum_members_of(sum, sum->world->rank, &job.from, &job.to);
    sum->squared = sum->leaves > 1;
    if (sum->squared) {
        merge(&job, team);
    }
}

as_status as_sum_reduce(as_sum *sum, as_team *team)
{
    as_world *world = sum->world;
    sum->rounds++;
    sum->squared = false;
    merge_heads(&sum->lanes->program, sum->lane_at, sum->own_head, NULL);
    as_node_barrier(world);
    as_status status = AS_OK;
    if (world->nodes > 1) {
        status = as_wire_gather(sum, sum->mail, sum->mail_at);
    }
    const int failing = status == AS_OK ? judge(sum) : 0;
    const as_status failure = failing < world->size ? (as_status)sum->rider[failing]->status : AS_OK;
    if (status == AS_OK && failing == world->size) {
        if (world->nodes > 1) {
            status = as_wire_reduce(sum, team);
        } else {
            merge_slice(sum, team);
        }
    }
    atomic_store_explicit(&sum->slot[world->node_rank].finished, sum->rounds, memory_order_release);
    if (status == AS_OK && failing < world->size) {
        return fail_together(sum, failing, failure);
    }
    return status;
}

const double *as_sum_result(const as_sum *sum)
{
    return sum->result;
}

void as_sum_set_watch(as_sum *sum, const as_sum_watch *watch)
{
    sum->watch = watch;
}

void as_sum_halves(const as_sum *sum, double left[AS_HEAD_SIZE], double right[AS_HEAD_SIZE])
{
    memcpy(left, sum->half[0], sizeof sum->half[0]);
    memcpy(right, sum->half[1], sizeof sum->half[1]);
}

uint32_t as_sum_flags(const as_sum *sum)
{
    return sum->flags;
}

void as_sum_range(const as_sum *sum, int64_t *first, int64_t *count)
{
    *first = sum->first;
    *count = sum->count;
}

void *as_sum_slice(as_sum *sum)
{
    return sum->part[0] + (size_t)sum->first * sum->kernels->real_bytes;
}

const double *as_sum_squares(const as_sum *sum)
{
    return sum->squared ? sum->squares : NULL;
}

/* One column of all blocks, in the order of the blocks. */
static const double *ordered(as_sum *sum, const double *column)
{
    if (sum->world->nodes == 1) {
        return column; /* Node order is rank order. */
    }
    int64_t to = 0;
    for (int rank = 0; rank < sum->world->size; rank++) {
        const int64_t n = blocks_of(sum, rank);
        memcpy(sum->column + to, column + sum->block_at[rank], (size_t)n * sizeof *column);
        to += n;
    }
    return sum->column;
}

/* Up to AS_BLOCK_COLUMNS columns, in one of two turns: nobody can be two barriers ahead of a reader. */
static as_status sum_columns(as_sum *sum, int width, int columns, const double *block, double *out)
{
    const as_world *world = sum->world;
    double *turn = sum->blocks + (int64_t)(sum->turn++ % 2) * AS_BLOCK_COLUMNS * sum->nblocks;
    const int64_t mine = blocks_of(sum, world->rank);
    for (int j = 0; j < columns; j++) {
        double *to = turn + j * sum->nblocks + sum->block_at[world->rank];
        for (int64_t i = 0; i < mine; i++) {
            to[i] = block[i * width + j];
        }
    }
    as_node_barrier(sum->world);
    for (int j = 0; j < columns; j++) {
        double *column = turn + j * sum->nblocks;
        if (world->nodes > 1) {
            AS_TRY(as_wire_gather_blocks(sum, column));
        }
        out[j] = as_block_sum(ordered(sum, column), sum->nblocks);
    }
    return AS_OK;
}

as_status as_sum_blocks(as_sum *sum, int width, const double *block, double *out)
{
    for (int j = 0; j < width; j += AS_BLOCK_COLUMNS) {
        const int columns = width - j < AS_BLOCK_COLUMNS ? width - j : AS_BLOCK_COLUMNS;
        AS_TRY(sum_columns(sum, width, columns, block + j, out + j));
    }
    return AS_OK;
}

as_status as_sum_share(as_sum *sum, void *vector, bool all)
{
    if (sum->world->nodes > 1) {
        AS_TRY(as_wire_share(sum, vector, all));
    }
    as_node_barrier(sum->world);
    return AS_OK;
}

int64_t as_sum_sent_bytes(const as_sum *sum)
{
    return sum->wire == NULL ? 0 : as_wire_sent(sum->wire);
}
