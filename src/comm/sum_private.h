/* The state of a sum, for the files that carry it out: sum.c inside a node, sum_wire.c between nodes. */
#ifndef AS_COMM_SUM_PRIVATE_H
#define AS_COMM_SUM_PRIVATE_H

#include "comm/sum.h"
#include "comm/world_private.h"

enum { AS_RIDER_TEXT = 1024, AS_BLOCK_COLUMNS = 4 };

/* Memory that holds a vector's bytes from `origin` on. */
typedef struct as_place {
    char *start;
    size_t origin;
} as_place;

/* What a rank tells all others in a round, on a cache line of its own: its riders, then the heads of its parts. Most
   ranks have one part, and are heard with one line. */
typedef struct as_rider {
    _Alignas(32) int32_t status;
    uint32_t flags;
} as_rider;

typedef struct as_wire as_wire;

struct as_sum {
    as_world *world;
    const as_lanes *lanes;
    const as_kernels *kernels;
    int64_t n, first, count; /* elements in all; own slice */
    as_spans whole;          /* all elements */
    as_span whole_span;
    const as_spans *summed; /* whole, or what the caller sums */
    uint64_t rounds;
    double result[AS_HEAD_SIZE];
    uint32_t flags;
    const as_sum_watch *watch;
    double half[2][AS_HEAD_SIZE]; /* where it is watched */
    char text[AS_RIDER_TEXT];     /* own failure of this round */

    double *lane_head; /* (own lanes, AS_HEAD_SIZE) */
    double **lane_at;  /* (own lanes) */
    double **head;     /* (parts of all ranks) in the mail */
    double **own_head; /* (own parts) likewise */
    int *part_begin;   /* (ranks + 1) first part of a rank: parts in lane order are in rank order */
    double *squares;   /* (blocks of the own slice) */
    bool squared;      /* squares are those of this round */

    /* Memory of the node: slots, the mail of all ranks by node, two turns of blocks, parts. */
    void *memory;
    as_node_slot *slot;
    char *mail;
    size_t *mail_at;  /* (nodes + 1) bytes before each node's mail */
    as_rider **rider; /* (ranks) */
    double *blocks;   /* (2, AS_BLOCK_COLUMNS, nblocks), ranks in node order */
    double *column;   /* (nblocks) in block order, when node order is another */
    int64_t nblocks;
    int64_t *block_at; /* (ranks) first block of a rank in node order */
    uint64_t turn;     /* of the blocks */

    /* The merge to the root: parts of this node in place, nodes' parts from elsewhere. */
    int leaves;
    as_tree_program merge;
    as_place *leaf; /* (leaves) */
    char **part;    /* (own parts) */
    as_wire *wire;  /* NULL with one node */
};

/* Slice of a rank. */
void as_sum_range_of(const as_sum *sum, int rank, int64_t *first, int64_t *count);

/* Summed elements of the slice of a rank, as members of sum->summed: [*from, *to). */
void as_sum_members_of(const as_sum *sum, int rank, int64_t *from, int64_t *to);

/* Summed elements [from, to), as members of sum->summed, of all that a program emits: leaf[i] is pushed, emitted node q
   goes to out[q]; out[q].start NULL: a leaf that is wanted where it lies. out may be one of the leaves. watch: sees the
   operands of the last merge, which is that of the root; or NULL. */
void as_sum_merge(const as_sum *sum, as_team *team, const as_tree_program *program, const as_place *leaf,
                  const as_place *out, int64_t from, int64_t to, const as_sum_watch *watch);

/* sum_wire.c, for several nodes. Create: called once the node's memory is laid out and leaf[p] holds part p if it is on
   this node; fills leaves, leaf and merge anew. Not collective. Errors: NOMEM. */
as_status as_wire_create(as_sum *sum);
void as_wire_destroy(as_wire **wire);
/* Leaders all-gather node-ordered memory: node g has bytes [at[g], at[g + 1]) of base. After a barrier of the node;
   ends with one. */
as_status as_wire_gather(as_sum *sum, void *base, const size_t *at);
/* The same for one column of blocks. */
as_status as_wire_gather_blocks(as_sum *sum, double *column);
/* Sends this node's parts to the owners elsewhere, receives theirs for the own slice, and merges to as_sum_slice. */
as_status as_wire_reduce(as_sum *sum, as_team *team);
/* Own slice of vector to the other nodes, theirs into vector: what is summed of them, or all. A barrier of the node
   must follow. */
as_status as_wire_share(as_sum *sum, char *vector, bool all);
/* Bytes of vectors that this rank has sent. */
int64_t as_wire_sent(const as_wire *wire);

#endif
