/* The sum over all lanes of all ranks: a head of doubles and a long vector, in one order for every layout.

   One round, by all ranks:
     as_sum_clear                  heads of the own lanes to zero
     (the estimator fills as_sum_head of its lanes and its parts of the vector)
     as_sum_reduce                 exchanges heads; each rank then holds the root sum of its slice of the vector
     (all ranks look at the same head and reach the same verdict; the owners update their slices of the parameters)
     as_sum_share                  everyone receives all slices of an updated vector
*/
#ifndef AS_COMM_SUM_H
#define AS_COMM_SUM_H

#include "base/spans.h"
#include "comm/lanes.h"
#include "kernels/kernels.h"
#include "kernels/team.h"

enum { AS_BLOCK = 1024 }; /* elements of a block: slices are cut at multiples of it, norms are summed by it */

/* Entries of the head; all are sums over samples, in double, lane by lane through the tree. */
typedef enum as_head {
    AS_HEAD_COUNT,   /* samples */
    AS_HEAD_WEIGHT,  /* sum of sample weights: the divisor */
    AS_HEAD_LOSS,    /* sum of weighted losses */
    AS_HEAD_SIZE = 4 /* one to spare: a head is half a cache line */
} as_head;

typedef struct as_sum as_sum;

/* Collective. n elements of the kernels' precision. summed: those that are added up, the same on all ranks, in whole
   blocks of AS_BLOCK; nobody writes the others: they are zero in every part and in the sum, and take neither time nor
   bytes nor memory that is touched. NULL: all are. Borrowed. Errors: NOMEM. Destroy with as_sum_destroy (collective).
 */
as_status as_sum_create(as_world *world, const as_lanes *lanes, const as_kernels *kernels, int64_t n,
                        const as_spans *summed, as_sum **out);
void as_sum_destroy(as_sum **sum);

/* Not collective. This rank's vector of part p, 0 <= p < lanes->program.parts; (n). Borrowed. */
void *as_sum_part(as_sum *sum, int part);
/* Not collective. Head of own lane l (0 <= l < lanes->count): AS_HEAD_SIZE doubles. Borrowed. */
double *as_sum_head(as_sum *sum, int lane);
/* Not collective. Zeroes the own heads and flags. */
void as_sum_clear(as_sum *sum);

/* Not collective. Riders of the next reduce: the first failure of this rank (message is kept), and stop requests
   (an or of small bit flags). */
void as_sum_fail(as_sum *sum, as_status status, const char *message);
void as_sum_flag(as_sum *sum, uint32_t flags);

/* Collective. After it: head (root sum) and flags (or over ranks) are the same on all ranks; as_sum_slice holds the
   root sum of this rank's elements. If any rank failed, all return that status with its message (lowest rank, prefixed)
   and nothing else was exchanged. */
as_status as_sum_reduce(as_sum *sum, as_team *team);
const double *as_sum_result(const as_sum *sum); /* (AS_HEAD_SIZE) */
uint32_t as_sum_flags(const as_sum *sum);

/* Not collective. This rank's slice of any vector of n elements: [*first, *first + *count), cut at AS_BLOCK. */
void as_sum_range(const as_sum *sum, int64_t *first, int64_t *count);
/* Not collective. Root sum of the slice, valid after as_sum_reduce until the next as_sum_clear; element 0 is `first`.
 */
void *as_sum_slice(as_sum *sum);
/* Not collective. Sums of squares (kernels->sum_squares) of the blocks of the slice as as_sum_reduce left it, where it
   has read the slice anyway; NULL where it has not: one process, or several nodes. */
const double *as_sum_squares(const as_sum *sum);

/* Who looks at the two children of the root while as_sum_reduce adds them: elements [first, first + count) of the
   vector, of the own slice, never more than a block and cut at blocks. Called by several threads. */
typedef struct as_sum_watch {
    void (*see)(void *context, int64_t first, int64_t count, const void *left, const void *right);
    void *context;
} as_sum_watch;

/* Not collective. For the rounds from now on; NULL: nobody. One process adds nothing in a reduce: it has the root
   already. Borrowed. */
void as_sum_set_watch(as_sum *sum, const as_sum_watch *watch);
/* Not collective. After a reduce that was watched: heads of the two children of the root, the same on all ranks; zeros
   with one lane. */
void as_sum_halves(const as_sum *sum, double left[AS_HEAD_SIZE], double right[AS_HEAD_SIZE]);

/* Collective. Each rank brings one double for each block of AS_BLOCK elements of its slice (count blocks, in order);
   returns their sum over all blocks by as_block_sum, the same on all ranks. width values per block: block (nblocks,
   width) and out (width). */
as_status as_sum_blocks(as_sum *sum, int width, const double *block, double *out);

/* Collective. vector (n) lives in memory from as_world_shared: after this call all ranks see all slices, each as its
   owner left it (inside a node: a barrier; across nodes: messages). all false: only elements that are summed travel,
   because nobody has changed the others. */
as_status as_sum_share(as_sum *sum, void *vector, bool all);

/* Not collective. Bytes of vectors that this rank has sent to other nodes so far; 0 inside a node. */
int64_t as_sum_sent_bytes(const as_sum *sum);

#endif
