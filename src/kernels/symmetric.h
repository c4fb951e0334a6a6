/* Sums over rows of products of their columns: what covariances, curvatures and scatters are made of. The fastest build
   of this CPU is chosen at the call, since all give the same bits. Not collective; nothing is allocated. */
#ifndef AS_KERNELS_SYMMETRIC_H
#define AS_KERNELS_SYMMETRIC_H

#include "kernels/kernels.h"

enum { AS_SYMMETRIC_ROWS = 256, AS_SYMMETRIC_PANEL = 8 };

/* With y = x - shift and z = factor y:

     first[j] += z_j                      row after row
     out[i][j] += sum of y_i z_j, i <= j  for each AS_SYMMETRIC_ROWS rows, counted from the first of the call, a chain
                                          of fma(y_i, z_j, .) in their order from zero

   What lies below the diagonal of out is neither read nor written. */
typedef struct as_symmetric {
    int64_t count, d;
    const double *x; /* (count, d), rows ldx apart */
    int64_t ldx;
    const double *shift;  /* (d) NULL: 0 */
    const double *factor; /* (count) NULL: 1 */
    double *first;        /* (d) or NULL */
    double *out;          /* (d, d), rows ldo apart */
    int64_t ldo;
} as_symmetric;

typedef struct as_symmetric_kernels {
    /* room: as_symmetric_room(d) doubles, from a 64-byte boundary. */
    void (*add)(const as_symmetric *s, double *room);
} as_symmetric_kernels;

/* Doubles of one packed block. */
static inline int64_t as_symmetric_packed(int64_t d)
{
    return (d + AS_SYMMETRIC_PANEL - 1) / AS_SYMMETRIC_PANEL * AS_SYMMETRIC_PANEL * (AS_SYMMETRIC_ROWS + 1);
}

static inline int64_t as_symmetric_room(int64_t d)
{
    return 2 * as_symmetric_packed(d);
}

/* Never NULL. isa: a build that this CPU can run. */
const as_symmetric_kernels *as_symmetric_kernels_get(as_isa isa);

#endif
