/* The tiles of attention: scores of R queries with V vectors of keys, and sums over keys or queries of R rows by V
   vectors of a head's width. R and V are constants at every call (tile.h). */
#ifndef AS_KERNELS_ATTENTION_TILE_H
#define AS_KERNELS_ATTENTION_TILE_H

#include "kernels/math.h"
#include "kernels/tile.h"
#include "kernels/vector_math.h"

/* Zeros, then -inf: a vector that starts VL - c before the middle hides all but the first c elements. */
static const real edge[2 * VL] = {[VL... 2 * VL - 1] = -AS_INF};

AS_INLINE vreal v_hide_after(int64_t c)
{
    return v_load(edge + VL - (c > VL ? VL : c < 0 ? 0 : c));
}

/* Where a tile of scores goes, and what is done to the chains. */
typedef struct score_end {
    real *z;
    int64_t ldz;
    const real *bias; /* by key: 0, or -inf where hidden; NULL: the chains as they are */
    real scale;
    int64_t seen; /* keys of the tile that its first row sees, one more each row; at least NR: all */
    vreal *max;   /* (R) or NULL */
} score_end;

/* R rows of a (R, steps) times V vectors of the panel b. */
AS_INLINE void score(const int R, const int V, int64_t steps, const real *a, int64_t lda, const real *b,
                     const score_end *end)
{
    const score_end e = *end;
    vreal s[MR][2];
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[r][v] = v_splat(0);
        }
    }
    tile_chain(R, V, false, STREAM_NONE, steps, a, lda, 1, b, NR, s);
    if (e.bias != NULL) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            const vreal bias = v_load(e.bias + v * VL), scale = v_splat(e.scale);
            AS_UNROLL
            for (int r = 0; r < R; r++) {
                s[r][v] = v_fma(s[r][v], scale, bias);
            }
        }
        if (e.seen < V * VL) {
            AS_UNROLL
            for (int r = 0; r < R; r++) {
                AS_UNROLL
                for (int v = 0; v < V; v++) {
                    s[r][v] += v_hide_after(e.seen + r - v * VL);
                }
            }
        }
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            v_store(e.z + r * e.ldz + v * VL, s[r][v]);
        }
    }
    if (e.max != NULL) {
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                e.max[r] = v_max(s[r][v], e.max[r]);
            }
        }
    }
}

/* A tile of a sum over keys or queries: c = factor * (c + a b), a chain from c, or from 0. */
typedef struct sum_end {
    real *c;
    int64_t ldc;
    int64_t cols; /* valid columns */
    bool fresh;
    const real *factor; /* by row; NULL: 1 */
} sum_end;

/* near: rows of c are neighbours in a, which has `row` reals from step to step; otherwise from row to row. */
AS_INLINE void sum(const int R, const int V, const bool near, int64_t steps, const real *a, int64_t row, const real *b,
                   int64_t ldb, const sum_end *end)
{
    const sum_end e = *end;
    vmask mask[2];
    vreal s[MR][2];
    AS_UNROLL
    for (int v = 0; v < V; v++) {
        mask[v] = v_first(e.cols - v * VL);
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[r][v] = v_splat(0);
        }
    }
    if (!e.fresh) {
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                s[r][v] = v_load_masked(e.c + r * e.ldc + v * VL, mask[v]);
            }
        }
    }
    tile_chain(R, V, near, STREAM_NONE, steps, a, row, near ? row : 1, b, ldb, s);
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[r][v] += v_splat(0);
        }
    }
    if (e.factor != NULL) {
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                s[r][v] *= v_splat(e.factor[r]);
            }
        }
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            v_store_masked(e.c + r * e.ldc + v * VL, s[r][v], mask[v]);
        }
    }
}

#endif
