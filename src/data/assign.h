/* Which rows of a source belong to a role, and in which lane each lies. */
#ifndef AS_DATA_ASSIGN_H
#define AS_DATA_ASSIGN_H

#include "comm/lanes.h"

/* A subset of the rows 0..rows-1 of a source, by ascending row number. */
typedef struct as_selection {
    int64_t rows;    /* of the source */
    int64_t kept;    /* in the subset */
    uint64_t *bits;  /* bit r % 64 of word r / 64: row r is kept; NULL: all rows */
    int64_t *before; /* (words) rows kept before each word */
} as_selection;

int64_t as_selection_words(int64_t rows);

/* Not collective. All rows. */
as_selection as_selection_all(int64_t rows);
/* Collective. The whole bitmap from the words that each rank brings: those of its share (as_selection_share), with room
   for `most` words on every rank; the others are 0. Errors: NOMEM, the same on all ranks. Destroy with
   as_selection_destroy. */
as_status as_selection_gather(as_world *world, int64_t rows, const uint64_t *mine, as_selection *out);
void as_selection_destroy(as_selection *selection);

/* Not collective. A rank's words of a bitmap over `rows`: [*first, *first + *count); `most` words at the most on any
 * rank. */
void as_selection_share(const as_world *world, int64_t rows, int64_t *first, int64_t *count, int64_t *most);

/* Not collective. Row number of kept row k, 0 <= k < kept. */
int64_t as_selection_at(const as_selection *selection, int64_t k);
/* Not collective. First kept row after `row`; the caller knows that there is one. */
int64_t as_selection_next(const as_selection *selection, int64_t row);

/* Not collective. How many of `kept` rows are held out: round(share * kept). */
int64_t as_held_out(int64_t kept, double share);

/* Collective. Splits `all` by a keyed permutation of its members: as_held_out of them are held out. Returns the
   part that is asked for (held_out or the rest). Errors: NOMEM. */
as_status as_selection_split(as_world *world, const as_selection *all, double share, bool held_out, uint64_t seed,
                             as_selection *out);

/* Collective. The same for windows over one sequence, where the last ones are held out: between the two parts at least
   `apart` - 1 rows are left out, those that share elements with held out ones. Errors: NOMEM. */
as_status as_selection_split_last(as_world *world, const as_selection *all, double share, bool held_out, int64_t apart,
                                  as_selection *out);

/* The assigned order: members of a selection in blocks, the blocks permuted by key; lanes are consecutive pieces of it,
   lane l of V gets (n - l + V - 1) / V members. The block size depends on n and V alone: n / (64 V), at least 1. */
typedef struct as_assignment {
    int64_t n, block, blocks;
    int64_t *position; /* (blocks) place of each block's first member in the assigned order */
} as_assignment;

/* Not collective. shuffled false: the order of the selection itself. Errors: NOMEM. */
as_status as_assignment_make(int64_t n, int lanes, bool shuffled, uint64_t seed, as_assignment *out);
void as_assignment_destroy(as_assignment *assignment);

/* Members that lane l has given after `samples` of an epoch: (samples - l + V - 1) / V, and 0 before its turn. */
static inline int64_t as_dealt(int64_t samples, int lane, int lanes)
{
    return samples > lane ? (samples - lane + lanes - 1) / lanes : 0;
}

#endif
