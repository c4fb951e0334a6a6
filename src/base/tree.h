/* The fixed binary tree over lanes 0..V-1 that gives every cross-sample sum, and the programs that walk it.
   A program is a list of steps for a stack machine; kernels, scalars and the exchange between ranks all follow the
   same programs, so that a sum has one order everywhere. */
#ifndef AS_BASE_TREE_H
#define AS_BASE_TREE_H

#include <stdint.h>

#include "allsum/status.h"

enum {
    AS_LANES_MAX = 4096,
    AS_TREE_DEPTH_MAX = 20, /* stack depth that any program needs at the most */
    AS_TREE_MERGE = -1,     /* pop right, pop left, push left + right */
    AS_TREE_EMIT = -2       /* pop a finished node: the next part */
};

/* The tree: internal node over lanes [a, b) splits at split(a, b); leaves are single lanes. */
typedef struct as_tree {
    int lanes;      /* V, 1..AS_LANES_MAX */
    int nodes;      /* V - 1 internal nodes in pre-order */
    int16_t *split; /* (V-1) split points in pre-order: first lane of the right child */
} as_tree;

/* A walk over consecutive lanes [first, first + lanes): steps >= 0 push that lane (counted from first), AS_TREE_MERGE
   and AS_TREE_EMIT as above. Emits one part for each maximal node of the tree inside the interval, from left to right.
 */
typedef struct as_tree_program {
    int first, lanes;
    int steps, parts, depth;
    int16_t *step;       /* (steps) */
    int16_t *part_first; /* (parts) first lane of each part, absolute */
    int16_t *part_lanes; /* (parts) lanes of each part */
} as_tree_program;

/* Not collective. The planned tree of V lanes: a dynamic programme over intervals that minimises the number of parts
   (maximal nodes that lie inside one rank), summed over R in {2,3,4,6,8} with weights 1/R. A function of V alone.
   Destroy with as_tree_destroy. Errors: CONFIG when V is not in 1..AS_LANES_MAX; NOMEM. */
as_status as_tree_plan(int lanes, as_tree *out);

void as_tree_destroy(as_tree *tree);

/* Not collective. The program for lanes [first, first + lanes), lanes >= 0 (an empty one has no steps). Destroy with
   as_tree_program_destroy. Errors: NOMEM. */
as_status as_tree_program_make(const as_tree *tree, int first, int lanes, as_tree_program *out);
void as_tree_program_destroy(as_tree_program *program);

/* Not collective. The program that merges given parts (parts_total of them, part_first/part_lanes ascending and
   disjoint, each a node of the tree): steps >= 0 push that part. Emits each maximal node that the parts cover: the
   root, with one AS_TREE_EMIT, when they cover all lanes. Errors: INTERNAL when a part is no node of the tree; NOMEM.
 */
as_status as_tree_merge_make(const as_tree *tree, int parts_total, const int16_t *part_first, const int16_t *part_lanes,
                             as_tree_program *out);

/* Not collective. Sums value[lane][width] over all V lanes by the tree into out[width]. value is (V, width). */
void as_tree_sum(const as_tree *tree, int width, const double *value, double *out);

/* Not collective. Sums n doubles by a fixed balanced tree over the index (for block sums): the order depends on n
 * alone. */
double as_block_sum(const double *value, int64_t n);

/* Lanes of a rank: [first, first + count), q or q + 1 each, earlier ranks get more. ranks <= V. */
void as_tree_share(int lanes, int ranks, int rank, int *first, int *count);

#endif
