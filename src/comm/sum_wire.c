/* The sum between nodes, along the tree.

   The parts of a node are merged to the maximal nodes of the tree that the node covers, so that its ranks together send
   each element once for each of those (once or twice for the usual layouts, at most 1.25 times the bytes of an optimal
   all-reduce in all). Work is shared by owners: for the slice of rank o elsewhere, the rank whose number inside its
   node is local(o) modulo the ranks of this node merges and sends; the slices of the updated vector come back along the
   same pairs. Slices travel in pieces with two pieces in flight per pair, so that merging and sending overlap; a part
   that needs no merging is sent from where it lies. Only bytes travel: all additions are as_sum_merge. */
#include <limits.h>
#include <stdlib.h>

#include "base/error.h"
#include "comm/sum_private.h"

enum { SLOTS = 2, PIECE_BYTES = 1 << 20, MESSAGE_MAX = 1 << 30, TAG_PART = 2, TAG_SLICE = 3 };

/* Parts of this node for the slice of one rank elsewhere. */
typedef struct outlet {
    int rank;
    int64_t from, to;     /* of its slice: members of what is summed */
    int64_t at, sent;     /* in this round: the next member, pieces posted */
    char *merged;         /* (SLOTS, merged parts, piece) */
    MPI_Request *request; /* (SLOTS, node parts) */
} outlet;

/* Parts of another node for the own slice. */
typedef struct inlet {
    int rank;  /* who sends them */
    int parts; /* of that node */
    int first; /* index of the first of them among all inlets' parts */
} inlet;

struct as_wire {
    int64_t piece;       /* the most elements of one */
    int64_t from, to;    /* own slice: members of what is summed */
    int64_t bytes;       /* sent so far */
    size_t *block_bytes; /* (nodes + 1) bytes of one column of blocks before each node's */
    int *count, *at;     /* (nodes) of an all-gather of leaders */

    as_tree_program program; /* parts of this node's ranks to parts of the node */
    as_place *leaf;          /* (ranks' parts) */
    as_place *part;          /* (program.parts) those that are sent from where they lie; start NULL: need merging */
    as_place *out;           /* (program.parts) where a merge goes */
    int merged;              /* parts that need merging */
    int outlets;
    outlet *outlet;

    int inlets, arriving; /* parts of all inlets */
    inlet *inlet;
    int *arriving_leaf;   /* (arriving) their index in sum->leaf */
    char *stage;          /* (SLOTS, arriving, piece) */
    MPI_Request *request; /* (SLOTS, arriving) */

    int slices, slices_room; /* messages of as_wire_share */
    MPI_Request *slice;
};

static int rank_at(const as_world *world, int node, int local)
{
    const int ranks = world->node_start[node + 1] - world->node_start[node];
    return world->member[world->node_start[node] + local % ranks];
}

/* Whether this rank exchanges with `rank` elsewhere on behalf of its node. */
static bool is_mine(const as_world *world, int rank)
{
    return world->rank_node[rank] != world->node && world->rank_local[rank] % world->node_size == world->node_rank;
}

static size_t longest(const as_world *world)
{
    return world->message_bytes > 0 ? world->message_bytes : MESSAGE_MAX;
}

/* Parts of one node in lane order to maximal nodes of the tree. */
static as_status node_program(const as_sum *sum, int node, as_tree_program *out)
{
    const as_lanes *lanes = sum->lanes;
    int16_t *first = calloc(2 * (size_t)lanes->parts_total, sizeof *first), *count = first + lanes->parts_total;
    if (first == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the parts of a node");
    }
    int n = 0;
    for (int p = 0; p < lanes->parts_total; p++) {
        if (sum->world->rank_node[lanes->part_rank[p]] == node) {
            first[n] = lanes->part_first[p];
            count[n++] = lanes->part_lanes[p];
        }
    }
    const as_status status = as_tree_merge_make(&lanes->tree, n, first, count, out);
    free(first);
    return status;
}

/* A leaf of the root's merge before sorting: a part of a rank here, or of a node elsewhere. */
typedef struct source {
    int first, lanes;
    char *start; /* NULL: arrives */
    int arriving;
} source;

static int by_lane(const void *a, const void *b)
{
    return ((const source *)a)->first - ((const source *)b)->first;
}

static int here(const as_sum *sum, source *all)
{
    int n = 0;
    for (int p = 0; p < sum->lanes->parts_total; p++) {
        if (sum->leaf[p].start != NULL) {
            all[n++] = (source){
                .first = sum->lanes->part_first[p], .lanes = sum->lanes->part_lanes[p], .start = sum->leaf[p].start};
        }
    }
    return n;
}

static as_status elsewhere(const as_sum *sum, as_wire *wire, source *all, int *n)
{
    const as_world *world = sum->world;
    for (int node = 0; node < world->nodes; node++) {
        if (node == world->node) {
            continue;
        }
        as_tree_program program;
        AS_TRY(node_program(sum, node, &program));
        wire->inlet[wire->inlets++] =
            (inlet){.rank = rank_at(world, node, world->node_rank), .parts = program.parts, .first = wire->arriving};
        for (int q = 0; q < program.parts; q++) {
            all[(*n)++] =
                (source){.first = program.part_first[q], .lanes = program.part_lanes[q], .arriving = wire->arriving++};
        }
        as_tree_program_destroy(&program);
    }
    return AS_OK;
}

/* The merge to the root: what is here and what arrives, in lane order. */
static as_status plan_root(as_sum *sum, as_wire *wire, source *all, int16_t *first)
{
    int16_t *lanes = first + sum->lanes->parts_total;
    int n = here(sum, all);
    for (int i = 0; i < n; i++) {
        wire->leaf[i].start = all[i].start;
    }
    AS_TRY(elsewhere(sum, wire, all, &n));
    qsort(all, (size_t)n, sizeof *all, by_lane);
    for (int i = 0; i < n; i++) {
        first[i] = (int16_t)all[i].first;
        lanes[i] = (int16_t)all[i].lanes;
        sum->leaf[i] = (as_place){.start = all[i].start};
        if (all[i].start == NULL) {
            wire->arriving_leaf[all[i].arriving] = i;
        }
    }
    sum->leaves = n;
    return as_tree_merge_make(&sum->lanes->tree, n, first, lanes, &sum->merge);
}

/* What this node sends: which of its parts are some rank's part as it lies, which need merging. */
static as_status plan_node(const as_sum *sum, as_wire *wire)
{
    AS_TRY(node_program(sum, sum->world->node, &wire->program));
    const as_tree_program *program = &wire->program;
    for (int i = 0, q = 0; i < program->steps; i++) {
        if (program->step[i] == AS_TREE_EMIT) {
            if (program->step[i - 1] >= 0) {
                wire->part[q].start = wire->leaf[program->step[i - 1]].start;
            } else {
                wire->merged++;
            }
            q++;
        }
    }
    return AS_OK;
}

static as_status make_outlets(const as_sum *sum, as_wire *wire)
{
    const size_t piece_bytes = (size_t)wire->piece * sum->kernels->real_bytes;
    for (int rank = 0; rank < sum->world->size; rank++) {
        if (!is_mine(sum->world, rank)) {
            continue;
        }
        outlet *out = &wire->outlet[wire->outlets++];
        out->rank = rank;
        as_sum_members_of(sum, rank, &out->from, &out->to);
        out->merged = malloc(SLOTS * (size_t)wire->merged * piece_bytes + 1);
        out->request = malloc(SLOTS * (size_t)wire->program.parts * sizeof *out->request);
        if (out->merged == NULL || out->request == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for messages to rank %d", rank);
        }
        for (int i = 0; i < SLOTS * wire->program.parts; i++) {
            out->request[i] = MPI_REQUEST_NULL;
        }
    }
    return AS_OK;
}

static int64_t messages(const as_sum *sum, int64_t count)
{
    const size_t bytes = (size_t)count * sum->kernels->real_bytes, most = longest(sum->world);
    return (int64_t)((bytes + most - 1) / most);
}

/* The most messages that a slice takes in as_wire_share. */
static int64_t slice_messages(const as_sum *sum, int rank)
{
    int64_t first, count, from, to, summed = 0;
    as_sum_range_of(sum, rank, &first, &count);
    as_sum_members_of(sum, rank, &from, &to);
    for (int64_t i = from, n; i < to; i += n) {
        n = as_spans_next(sum->summed, i, to, &first);
        summed += messages(sum, n);
    }
    const int64_t all = messages(sum, count);
    return all > summed ? all : summed;
}

static as_status make_inlets(const as_sum *sum, as_wire *wire)
{
    const size_t arriving = (size_t)wire->arriving;
    wire->stage = malloc(SLOTS * arriving * (size_t)wire->piece * sum->kernels->real_bytes);
    wire->request = malloc(SLOTS * arriving * sizeof *wire->request);
    as_sum_members_of(sum, sum->world->rank, &wire->from, &wire->to);
    int64_t slices = (sum->world->nodes - 1) * slice_messages(sum, sum->world->rank);
    for (int i = 0; i < wire->outlets; i++) {
        slices += slice_messages(sum, wire->outlet[i].rank);
    }
    wire->slice = malloc(((size_t)slices + 1) * sizeof *wire->slice);
    if (wire->stage == NULL || wire->request == NULL || wire->slice == NULL || slices > INT_MAX) {
        AS_FAIL(AS_NOMEM, "out of memory for messages of %d parts", wire->arriving);
    }
    wire->slices_room = (int)slices;
    return AS_OK;
}

static as_status allocate(const as_sum *sum, as_wire *wire)
{
    const size_t nodes = (size_t)sum->world->nodes, size = (size_t)sum->world->size;
    const size_t lanes = (size_t)sum->lanes->lanes;
    wire->block_bytes = calloc(nodes + 1, sizeof *wire->block_bytes);
    wire->count = calloc(nodes, sizeof *wire->count);
    wire->at = calloc(nodes, sizeof *wire->at);
    wire->leaf = calloc(lanes, sizeof *wire->leaf);
    wire->part = calloc(lanes, sizeof *wire->part);
    wire->out = calloc(lanes, sizeof *wire->out);
    wire->outlet = calloc(size, sizeof *wire->outlet);
    wire->inlet = calloc(nodes, sizeof *wire->inlet);
    wire->arriving_leaf = calloc(lanes, sizeof *wire->arriving_leaf);
    if (wire->block_bytes == NULL || wire->count == NULL || wire->at == NULL || wire->leaf == NULL ||
        wire->part == NULL || wire->out == NULL || wire->outlet == NULL || wire->inlet == NULL ||
        wire->arriving_leaf == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for messages between %zu nodes", nodes);
    }
    return AS_OK;
}

as_status as_wire_create(as_sum *sum)
{
    as_wire *wire = calloc(1, sizeof *wire);
    source *all = calloc((size_t)sum->lanes->parts_total, sizeof *all);
    int16_t *first = calloc(2 * (size_t)sum->lanes->parts_total, sizeof *first);
    as_status status = AS_OK;
    sum->wire = wire;
    if (wire == NULL || all == NULL || first == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for messages between nodes");
    }
    if (status == AS_OK) {
        const size_t limit = sum->world->message_bytes > 0 ? sum->world->message_bytes : PIECE_BYTES;
        const int64_t most = (int64_t)(limit / sum->kernels->real_bytes),
                      slice = (sum->nblocks / sum->world->size + 1) * AS_BLOCK;
        const int64_t whole = most < AS_BLOCK ? most : most - most % AS_BLOCK; /* pieces of blocks, as slices are */
        wire->piece = whole < 1 ? 1 : whole < slice ? whole : slice;
        status = allocate(sum, wire);
    }
    if (status == AS_OK) {
        for (int node = 0; node < sum->world->nodes; node++) {
            wire->block_bytes[node] =
                (size_t)sum->block_at[sum->world->member[sum->world->node_start[node]]] * sizeof(double);
        }
        wire->block_bytes[sum->world->nodes] = (size_t)sum->nblocks * sizeof(double);
        status = plan_root(sum, wire, all, first);
    }
    status = status == AS_OK ? plan_node(sum, wire) : status;
    status = status == AS_OK ? make_outlets(sum, wire) : status;
    status = status == AS_OK ? make_inlets(sum, wire) : status;
    free(all);
    free(first);
    return status;
}

void as_wire_destroy(as_wire **wire)
{
    as_wire *w = *wire;
    if (w == NULL) {
        return;
    }
    for (int i = 0; w->outlet != NULL && i < w->outlets; i++) {
        free(w->outlet[i].merged);
        free(w->outlet[i].request);
    }
    as_tree_program_destroy(&w->program);
    free(w->block_bytes);
    free(w->count);
    free(w->at);
    free(w->leaf);
    free(w->part);
    free(w->out);
    free(w->outlet);
    free(w->inlet);
    free(w->arriving_leaf);
    free(w->stage);
    free(w->request);
    free(w->slice);
    free(w);
    *wire = NULL;
}

as_status as_wire_gather(as_sum *sum, void *base, const size_t *at)
{
    as_wire *wire = sum->wire;
    as_status status = AS_OK;
    if (at[sum->world->nodes] > INT_MAX) { /* on all ranks alike: nobody waits at the barrier */
        AS_FAIL(AS_INTERNAL, "a gather of %zu bytes between nodes: expected below 2^31", at[sum->world->nodes]);
    }
    if (sum->world->leaders != MPI_COMM_NULL) {
        for (int node = 0; node < sum->world->nodes; node++) {
            wire->at[node] = (int)at[node];
            wire->count[node] = (int)(at[node + 1] - at[node]);
        }
        status = as_mpi_check(
            MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_BYTE, base, wire->count, wire->at, MPI_BYTE, sum->world->leaders),
            "MPI_Allgatherv");
    }
    as_node_barrier(sum->world);
    return status;
}

as_status as_wire_gather_blocks(as_sum *sum, double *column)
{
    return as_wire_gather(sum, column, sum->wire->block_bytes);
}

/* The piece that begins at a member: how many follow it, and where the first of them is in the vector. */
static int64_t piece_at(const as_sum *sum, int64_t member, int64_t to, int64_t *first)
{
    const int64_t most = sum->wire->piece;
    return as_spans_next(sum->summed, member, to - member < most ? to : member + most, first);
}

/* Posts the next piece of an outlet if its slot is free. */
static as_status push(as_sum *sum, as_team *team, outlet *out, bool *moved)
{
    as_wire *wire = sum->wire;
    const int parts = wire->program.parts, slot = (int)(out->sent % SLOTS);
    MPI_Request *request = out->request + slot * parts;
    int free_slot;
    AS_TRY(as_mpi_check(MPI_Testall(parts, request, &free_slot, MPI_STATUSES_IGNORE), "MPI_Testall"));
    if (!free_slot) {
        return AS_OK;
    }
    int64_t first;
    const int64_t n = piece_at(sum, out->at, out->to, &first);
    const size_t real_bytes = sum->kernels->real_bytes, piece_bytes = (size_t)wire->piece * real_bytes;
    const size_t offset = (size_t)first * real_bytes, bytes = (size_t)n * real_bytes;
    char *buffer = out->merged + (size_t)(slot * wire->merged) * piece_bytes;
    for (int q = 0; q < parts; q++) {
        wire->out[q] = (as_place){0};
        if (wire->part[q].start == NULL) {
            wire->out[q] = (as_place){.start = buffer, .origin = offset};
            buffer += piece_bytes;
        }
    }
    if (wire->merged > 0) {
        as_sum_merge(sum, team, &wire->program, wire->leaf, wire->out, out->at, out->at + n, NULL);
    }
    for (int q = 0; q < parts; q++) {
        const char *start = wire->part[q].start != NULL ? wire->part[q].start + offset : wire->out[q].start;
        AS_TRY(as_mpi_check(MPI_Isend(start, (int)bytes, MPI_BYTE, out->rank, TAG_PART, sum->world->all, request + q),
                            "MPI_Isend"));
        wire->bytes += (int64_t)bytes;
    }
    out->at += n;
    out->sent++;
    *moved = true;
    return AS_OK;
}

/* Pieces of the own slice on their way: the next member of one, and how many pieces there have been. */
typedef struct progress {
    int64_t member, pieces;
} progress;

/* Waits for the parts of the next piece of the own slice. */
static as_status post(as_sum *sum, progress *posted)
{
    as_wire *wire = sum->wire;
    const size_t real_bytes = sum->kernels->real_bytes, piece_bytes = (size_t)wire->piece * real_bytes;
    const size_t slot = (size_t)(posted->pieces % SLOTS) * (size_t)wire->arriving;
    int64_t first;
    const int64_t n = piece_at(sum, posted->member, wire->to, &first);
    for (int i = 0; i < wire->inlets; i++) {
        for (int q = 0; q < wire->inlet[i].parts; q++) {
            const size_t at = slot + (size_t)(wire->inlet[i].first + q);
            AS_TRY(as_mpi_check(MPI_Irecv(wire->stage + at * piece_bytes, (int)((size_t)n * real_bytes), MPI_BYTE,
                                          wire->inlet[i].rank, TAG_PART, sum->world->all, wire->request + at),
                                "MPI_Irecv"));
        }
    }
    *posted = (progress){.member = posted->member + n, .pieces = posted->pieces + 1};
    return AS_OK;
}

/* Merges the next piece of the own slice if all its parts have come. */
static as_status pull(as_sum *sum, as_team *team, progress *merged, bool *moved)
{
    as_wire *wire = sum->wire;
    const size_t slot = (size_t)(merged->pieces % SLOTS) * (size_t)wire->arriving;
    int here_now;
    AS_TRY(
        as_mpi_check(MPI_Testall(wire->arriving, wire->request + slot, &here_now, MPI_STATUSES_IGNORE), "MPI_Testall"));
    if (here_now) {
        const size_t real_bytes = sum->kernels->real_bytes, piece_bytes = (size_t)wire->piece * real_bytes;
        int64_t first;
        const int64_t n = piece_at(sum, merged->member, wire->to, &first);
        for (int i = 0; i < wire->arriving; i++) {
            sum->leaf[wire->arriving_leaf[i]] = (as_place){.start = wire->stage + (slot + (size_t)i) * piece_bytes,
                                                           .origin = (size_t)first * real_bytes};
        }
        as_sum_merge(sum, team, &sum->merge, sum->leaf, &(as_place){.start = sum->part[0]}, merged->member,
                     merged->member + n, sum->watch);
        *merged = (progress){.member = merged->member + n, .pieces = merged->pieces + 1};
        *moved = true;
    }
    return AS_OK;
}

static as_status wait_all(as_sum *sum, int n, MPI_Request *request)
{
    as_wait wait = {0};
    for (int done = 0; n > 0;) {
        AS_TRY(as_mpi_check(MPI_Testall(n, request, &done, MPI_STATUSES_IGNORE), "MPI_Testall"));
        if (done) {
            break;
        }
        as_wait_once(&wait, sum->world->yield);
    }
    return AS_OK;
}

as_status as_wire_reduce(as_sum *sum, as_team *team)
{
    as_wire *wire = sum->wire;
    progress posted = {.member = wire->from}, merged = posted;
    as_wait wait = {0};
    for (int i = 0; i < wire->outlets; i++) {
        wire->outlet[i].at = wire->outlet[i].from;
        wire->outlet[i].sent = 0;
    }
    for (bool busy = true; busy;) {
        bool moved = false;
        busy = false;
        while (posted.member < wire->to && posted.pieces < merged.pieces + SLOTS) {
            AS_TRY(post(sum, &posted));
        }
        for (int i = 0; i < wire->outlets; i++) {
            if (wire->outlet[i].at < wire->outlet[i].to) {
                AS_TRY(push(sum, team, &wire->outlet[i], &moved));
                busy = true;
            }
        }
        if (merged.member < wire->to) {
            AS_TRY(pull(sum, team, &merged, &moved));
            busy = true;
        }
        if (moved) {
            wait = (as_wait){0};
        } else if (busy) {
            as_wait_once(&wait, sum->world->yield);
        }
    }
    for (int i = 0; i < wire->outlets; i++) {
        AS_TRY(wait_all(sum, SLOTS * wire->program.parts, wire->outlet[i].request));
    }
    return AS_OK;
}

/* Elements side by side, in messages of any size that MPI can count. */
static as_status move_run(as_sum *sum, char *run, int64_t count, int rank, bool send)
{
    as_wire *wire = sum->wire;
    const size_t bytes = (size_t)count * sum->kernels->real_bytes;
    for (size_t at = 0; at < bytes;) {
        const size_t n = bytes - at < longest(sum->world) ? bytes - at : longest(sum->world);
        MPI_Request *request = &wire->slice[wire->slices++];
        AS_ASSERT(wire->slices <= wire->slices_room);
        if (send) {
            wire->bytes += (int64_t)n;
            AS_TRY(as_mpi_check(MPI_Isend(run + at, (int)n, MPI_BYTE, rank, TAG_SLICE, sum->world->all, request),
                                "MPI_Isend"));
        } else {
            AS_TRY(as_mpi_check(MPI_Irecv(run + at, (int)n, MPI_BYTE, rank, TAG_SLICE, sum->world->all, request),
                                "MPI_Irecv"));
        }
        at += n;
    }
    return AS_OK;
}

/* The slice of a rank to or from a partner: what is summed of it, or all. */
static as_status move_slice(as_sum *sum, char *vector, bool all, int owner, int partner, bool send)
{
    const size_t real_bytes = sum->kernels->real_bytes;
    int64_t first, count, from, to;
    if (all) {
        as_sum_range_of(sum, owner, &first, &count);
        return move_run(sum, vector + (size_t)first * real_bytes, count, partner, send);
    }
    as_sum_members_of(sum, owner, &from, &to);
    for (int64_t i = from, n; i < to; i += n) {
        n = as_spans_next(sum->summed, i, to, &first);
        AS_TRY(move_run(sum, vector + (size_t)first * real_bytes, n, partner, send));
    }
    return AS_OK;
}

as_status as_wire_share(as_sum *sum, char *vector, bool all)
{
    as_wire *wire = sum->wire;
    const as_world *world = sum->world;
    wire->slices = 0;
    for (int i = 0; i < wire->outlets; i++) {
        const int owner = wire->outlet[i].rank;
        AS_TRY(move_slice(sum, vector, all, owner, owner, false));
    }
    for (int node = 0; node < world->nodes; node++) {
        if (node != world->node) {
            AS_TRY(move_slice(sum, vector, all, world->rank, rank_at(world, node, world->node_rank), true));
        }
    }
    return wait_all(sum, wire->slices, wire->slice);
}

int64_t as_wire_sent(const as_wire *wire)
{
    return wire->bytes;
}
