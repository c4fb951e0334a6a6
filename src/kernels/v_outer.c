/* Weight gradients: sums over samples of outer products. A chain runs inside a lane, and the lane tree is walked at the
   level of a tile, so that no full gradient per lane exists. */
#include "kernels/table.h"
#include "kernels/team.h"
#include "kernels/vector.h"

enum { TR = 4, TC = 4 * VL };

typedef struct tile_sum {
    real v[TR][TC];
} tile_sum;

/* s += x' d over rows [first, end) for `rows` columns of x and `cols` columns of d. */
static void lane_tile(int64_t rows, int64_t cols, const real *x, int64_t ldx, const real *d, int64_t ldd, int64_t first,
                      int64_t end, tile_sum *s)
{
    for (int64_t r = first; r < end; r++) {
        for (int64_t i = 0; i < rows; i++) {
            for (int64_t j = 0; j < cols; j++) {
                s->v[i][j] = as_fma(x[r * ldx + i], d[r * ldd + j], s->v[i][j]);
            }
        }
    }
}

void AS_V(as_outer_lanes)(int64_t k, int64_t n, const void *x, int64_t ldx, const void *d, int64_t ldd,
                          const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                          int64_t ldp, int thread, int threads)
{
    int64_t begin, count;
    as_team_share(k, TR, thread, threads, &begin, &count);
    tile_sum stack[AS_TREE_DEPTH_MAX];
    for (int64_t i = begin; i < begin + count; i += TR) {
        const int64_t rows = begin + count - i < TR ? begin + count - i : TR;
        for (int64_t j = 0; j < n; j += TC) {
            const int64_t cols = n - j < TC ? n - j : TC;
            int top = 0, parts = 0;
            for (int s = 0; s < program->steps; s++) {
                const int step = program->step[s];
                if (step >= 0) {
                    tile_sum *const node = &stack[top++];
                    memset(node, 0, sizeof *node);
                    for (int64_t q = 0; resume && q < rows; q++) {
                        memcpy(node->v[q], (const real *)part[0] + (i + q) * ldp + j, (size_t)cols * sizeof(real));
                    }
                    lane_tile(rows, cols, (const real *)x + i, ldx, (const real *)d + j, ldd, lane_row[step],
                              lane_row[step + 1], node);
                } else if (step == AS_TREE_MERGE) {
                    top--;
                    AS_V(as_add)(TR * TC, stack[top - 1].v, stack[top].v, stack[top - 1].v);
                } else {
                    top--;
                    for (int64_t q = 0; q < rows; q++) {
                        memcpy((real *)part[parts] + (i + q) * ldp + j, stack[top].v[q], (size_t)cols * sizeof(real));
                    }
                    parts++;
                }
            }
        }
    }
}
