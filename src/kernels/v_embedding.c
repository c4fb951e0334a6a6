/* Sums over the positions that read a row of a table (embedding.h). Positions of a row are a linked list in ascending
   order, made once for all rows by one pass from the last position to the first; then each row walks the lanes with its
   list, a block of columns at a time, its nodes on a small stack. Threads share the columns.
   Cost: width additions for each position, one pass over the parts. */
#include "kernels/embedding.h"

#include "kernels/table.h"
#include "kernels/team.h"
#include "kernels/tile.h"

enum { WIDE = 4, WIDTH = WIDE * VL };

/* The row that a position reads; -1: none. */
static int64_t row_of(const as_embedding_sums *a, int64_t position)
{
    const real r =
        ((const real *)a->row)[(a->lane_row[0] + position / a->positions) * a->ldr + position % a->positions];
    return r >= 0 && r < (real)a->vocabulary && (real)(int64_t)r == r ? (int64_t)r : -1;
}

/* Position p counts from the first of the lanes. */
static void make_lists(const as_embedding_sums *a, int32_t *first, int32_t *next)
{
    const int64_t total = (a->lane_row[a->program->lanes] - a->lane_row[0]) * a->positions;
    for (int64_t v = 0; v < a->vocabulary; v++) {
        first[v] = -1;
    }
    for (int64_t p = total - 1; p >= 0; p--) {
        const int64_t v = row_of(a, p);
        if (v >= 0) {
            next[p] = first[v];
            first[v] = (int32_t)p;
        }
    }
}

typedef struct node {
    vreal v[WIDE];
} node;

/* Columns from j, of which `cols` count, at row v of an array (vocabulary, width). */
static real *place(const as_embedding_sums *a, void *base, int64_t v, int64_t j)
{
    return (real *)base + v * a->width + j;
}

static void walk(const as_embedding_sums *a, int64_t v, int64_t j, int64_t cols, int32_t p, const int32_t *next)
{
    vmask m[WIDE];
    node stack[AS_TREE_DEPTH_MAX];
    int top = 0, parts = 0;
    for (int k = 0; k < WIDE; k++) {
        m[k] = v_first(cols - k * VL);
    }
    const real *const dy = (const real *)a->dy + a->lane_row[0] * a->ldy + j;
    for (int s = 0; s < a->program->steps; s++) {
        const int step = a->program->step[s];
        if (step >= 0) {
            const int64_t end = (a->lane_row[step + 1] - a->lane_row[0]) * a->positions;
            node n;
            AS_UNROLL
            for (int k = 0; k < WIDE; k++) {
                n.v[k] = a->resume ? v_load_masked(place(a, a->part[0], v, j) + k * VL, m[k]) : v_splat(0);
            }
            for (; p >= 0 && p < end; p = next[p]) {
                const real *const from = dy + p / a->positions * a->ldy + p % a->positions * a->width;
                AS_UNROLL
                for (int k = 0; k < WIDE; k++) {
                    n.v[k] += v_load_masked(from + k * VL, m[k]);
                }
            }
            stack[top++] = n;
        } else if (step == AS_TREE_MERGE) {
            top--;
            AS_UNROLL
            for (int k = 0; k < WIDE; k++) {
                stack[top - 1].v[k] += stack[top].v[k];
            }
        } else {
            top--;
            AS_UNROLL
            for (int k = 0; k < WIDE; k++) {
                v_store_masked(place(a, a->part[parts], v, j) + k * VL, stack[top].v[k], m[k]);
            }
            parts++;
        }
    }
}

void AS_V(as_embedding_lanes)(const as_embedding_sums *a)
{
    int64_t begin, count;
    as_team_share(a->width, WIDTH, a->thread, a->threads, &begin, &count);
    if (count <= 0) {
        return;
    }
    int32_t *const first = a->scratch, *const next = a->scratch + a->vocabulary;
    make_lists(a, first, next);
    for (int64_t v = 0; v < a->vocabulary; v++) {
        if (first[v] < 0) {
            for (int p = 0; p < a->program->parts && !a->resume; p++) {
                memset(place(a, a->part[p], v, begin), 0, (size_t)count * sizeof(real));
            }
            continue;
        }
        for (int64_t j = begin; j < begin + count; j += WIDTH) {
            const int64_t left = begin + count - j;
            walk(a, v, j, left < WIDTH ? left : WIDTH, first[v], next);
        }
    }
}

/* The oracle: every element by itself. */
void AS_V(as_embedding_lanes_plain)(const as_embedding_sums *a)
{
    for (int64_t e = 0; e < a->vocabulary * a->width && a->thread == 0; e++) {
        real stack[AS_TREE_DEPTH_MAX];
        int top = 0, part = 0;
        for (int s = 0; s < a->program->steps; s++) {
            const int step = a->program->step[s];
            if (step >= 0) {
                stack[top] = a->resume ? ((const real *)a->part[0])[e] : 0;
                for (int64_t i = a->lane_row[step]; i < a->lane_row[step + 1]; i++) {
                    for (int64_t t = 0; t < a->positions; t++) {
                        if (((const real *)a->row)[i * a->ldr + t] == (real)(e / a->width)) {
                            stack[top] += ((const real *)a->dy)[i * a->ldy + t * a->width + e % a->width];
                        }
                    }
                }
                top++;
            } else if (step == AS_TREE_MERGE) {
                top--;
                stack[top - 1] += stack[top];
            } else {
                ((real *)a->part[part++])[e] = stack[--top];
            }
        }
    }
}
