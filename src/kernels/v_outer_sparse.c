/* Weight gradients without the zeros of the broadcast operand (sparse.h). A column of it at a time, beside SPARSE_V
   vectors of the other operand, whose rows of a chunk are packed into L1; nodes of the lane tree that a chunk leaves
   wait beside the column. Columns are turned into lists of what is not zero, once for all vectors of a block. Cost: 2 W
   flops for each element of the broadcast operand that is not zero, a load for each multiply-add. */
#include <string.h>

#include "kernels/outer_sparse.h"
#include "kernels/transpose.h"

enum {
    W = SPARSE_V * VL,
    NONE = 255 /* the end of a list */
};

/* What is not zero in some columns, chunk after chunk and column after column: values, and places in the chunk. The
   list of column i in chunk q starts at start[q * columns + i] and ends with a place NONE. */
typedef struct lists {
    real *value;
    uint8_t *place;
    int32_t *start;
    int64_t used, room; /* entries */
} lists;
enum { ENTRIES = 96 * 1024, COLUMNS = 512 };

/* Lists of one column in one chunk, while they are made. */
typedef struct slot {
    real value[OUTER_SPARSE_ROWS + VL];
    uint8_t place[OUTER_SPARSE_ROWS + 16];
} slot;

/* A chunk of rows for SPARSE_V vectors from column w on. */
typedef struct slab {
    const outer *o;
    int64_t w;
    const real *panel; /* (rows, W) */
    int64_t first;     /* row of the panel's first */
    bool all;          /* something in it is not finite: zeros count */
} slab;

/* Adds the lists of up to VL columns from u of the rows [first, end); false where there is no room. */
static bool list_columns(const outer *o, int64_t u, int64_t count, int64_t first, int64_t end, lists *l, int32_t *start)
{
    real block[VL * VL];
    slot to[VL];
    int n[VL] = {0};
    for (int64_t r = first; r < end; r += VL) {
        const int64_t rows = sparse_least(end - r, VL);
        v_transpose(rows, count, o->u + r * o->ldu + u, o->ldu, block, VL);
        for (int64_t c = 0; c < count; c++) {
            slot *const s = &to[c];
            const real *const x = block + c * VL;
            n[c] += sparse_add(VL, x, (int)(r - first), s->place + n[c], s->value + n[c]);
        }
    }
    for (int64_t c = 0; c < count; c++) {
        if (l->room - l->used <= n[c]) {
            return false;
        }
        to[c].place[n[c]] = NONE;
        memcpy(l->value + l->used, to[c].value, (size_t)n[c] * sizeof(real));
        memcpy(l->place + l->used, to[c].place, (size_t)n[c] + 1);
        start[c] = (int32_t)l->used;
        l->used += n[c] + 1;
    }
    return true;
}

/* Where chunk q begins. */
static int64_t chunk_first(const outer *o, const outer_chunks *k, int q)
{
    return q == 0 ? o->lane_row[0] : k->end[q - 1];
}

/* The lists of the columns [u, u + count); false where there is no room. */
static bool list_chunks(const outer *o, const outer_chunks *k, int64_t u, int64_t count, lists *l)
{
    bool room = true;
    l->used = 0;
    for (int q = 0; q < k->chunks; q++) {
        const int64_t first = chunk_first(o, k, q);
        for (int64_t t = 0; t < count && room; t += VL) {
            room = list_columns(o, u + t, sparse_least(VL, count - t), first, k->end[q], l, l->start + q * count + t);
        }
    }
    return room;
}

/* Rows [r, stop) of column u with their zeros, from what s was at the start. */
static __attribute__((noinline)) void all_rows(const slab *b, int64_t u, int64_t r, int64_t stop, const real *start,
                                               real *to)
{
    for (int64_t j = 0; j < W; j++) {
        real s = start == NULL ? 0 : start[j];
        for (int64_t q = r; q < stop; q++) {
            s = as_fma(b->o->u[q * b->o->ldu + u], b->panel[(q - b->first) * W + j], s);
        }
        to[j] = s;
    }
}

#define EACH(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7)

/* What every column does with one lane's rows in a chunk: the walk of the tree, looked up once for all of them. */
typedef struct piece {
    int64_t row;
    int last;  /* end of its rows in the chunk */
    int start; /* the node that its chain continues; or one of those below */
    int top;   /* the node that it becomes, after merging with `merges` below it */
    int merges;
    int part; /* the part that it then is, or NO_PART */
} piece;
enum { FROM_ZERO = -1, FROM_PART = -2, NO_PART = -1 };

/* Of all chunks: those of chunk q are piece[first[q]] to piece[first[q + 1] - 1]. */
typedef struct pieces {
    int first[OUTER_SPARSE_CHUNKS + 1];
    piece piece[AS_LANES_MAX + OUTER_SPARSE_CHUNKS];
} pieces;

/* The pieces of the chunk that ends at `end`, and where the walk stands after it. */
static outer_cursor find_pieces(const outer *o, outer_cursor c, int64_t end, piece *found, int *count)
{
    const int16_t *step = o->program->step + c.step, *const stop_step = o->program->step + o->program->steps;
    const int64_t first = c.row;
    for (*count = 0; step < stop_step; *count += 1) {
        const int64_t stop = o->lane_row[*step + 1], to = sparse_least(stop, end);
        if (c.row == end && stop > end) {
            break;
        }
        piece *const p = &found[*count];
        *p = (piece){.row = c.row, .last = (int)(to - first), .part = NO_PART};
        p->start = c.open ? c.top : o->resume && c.row == o->lane_row[0] ? FROM_PART : FROM_ZERO;
        c.row = to;
        c.open = stop > end;
        step += c.open ? 0 : 1;
        for (; !c.open && step < stop_step && *step == AS_TREE_MERGE; step++) {
            p->merges++;
        }
        c.top -= p->merges;
        p->top = c.top;
        if (!c.open && step < stop_step && *step == AS_TREE_EMIT) {
            p->part = c.part++;
            step++;
        } else {
            c.top += c.open ? 0 : 1;
        }
        if (c.open) {
            *count += 1;
            break;
        }
    }
    c.step = (int)(step - o->program->step);
    return c;
}

static void find_all_pieces(const outer *o, const outer_chunks *k, pieces *found)
{
    outer_cursor c = {.row = o->lane_row[0]};
    found->first[0] = 0;
    for (int q = 0; q < k->chunks; q++) {
        int count;
        c = find_pieces(o, c, k->end[q], found->piece + found->first[q], &count);
        found->first[q + 1] = found->first[q] + count;
    }
}

/* One column through one chunk. nodes: the column's; out: where a finished part goes if not to its place. */
AS_INLINE void walk(const slab *b, const piece *p, const piece *stop, int64_t u, const uint8_t *place,
                    const real *value, real *nodes, real *out)
{
    const outer *const o = b->o;
    for (; p < stop; p++) {
        const real *const start = p->start >= 0           ? nodes + p->start * W
                                  : p->start == FROM_PART ? (const real *)o->part[0] + u * o->su + b->w
                                                          : NULL;
        const int last = p->last;
        vreal s[SPARSE_V];
#define START(v) s[v] = start == NULL ? v_splat(0) : v_load(start + (v)*VL);
        EACH(START)
        for (; *place < last; place++, value++) {
            const real *const q = b->panel + (int64_t)*place * W;
            const vreal x = v_splat(*value);
#define STEP(v) s[v] = fma_from(s[v], x, q + (v)*VL);
            EACH(STEP)
        }
        if (b->all || sparse_minus_zero(s)) {
            real again[W];
            all_rows(b, u, p->row, b->first + last, start, again);
#define AGAIN(v) s[v] = v_load(again + (v)*VL);
            EACH(AGAIN)
        }
        real *into = nodes + p->top * W;
        for (int m = p->merges; m > 0; m--) {
            const real *const left = into + (m - 1) * W;
#define MERGE(v) s[v] = v_load(left + (v)*VL) + s[v];
            EACH(MERGE)
        }
        if (p->part != NO_PART) {
            into = out != NULL ? out : (real *)o->part[p->part] + u * o->su + b->w;
        }
#define STORE(v) v_store(into + (v)*VL, s[v]);
        EACH(STORE)
    }
}

/* The rows of a slab to where they lie together. */
static bool pack(const outer *o, int64_t w, int64_t first, int64_t end, real *panel)
{
    for (int64_t r = first; r < end; r++) {
        const real *const from = o->w + r * o->ldw + w;
        AS_UNROLL
        for (int v = 0; v < SPARSE_V; v++) {
            __builtin_prefetch(from + 4 * o->ldw + v * VL);
            v_store(panel + (r - first) * W + v * VL, v_load(from + v * VL));
        }
    }
    return sparse_finite(end - first, SPARSE_V, panel, W);
}

/* Columns of the broadcast operand are rows of the part. */
static void write_turned(const outer *o, const real *nodes, int64_t u, int64_t count, int64_t w)
{
    real *const to = (real *)o->part[0] + u + w * o->sw;
    if (count == VL) {
        int64_t rows = W;
        __asm__("" : "+r"(rows)); /* known, it makes gcc warn of a loop that never runs */
        v_transpose(VL, rows, nodes, W, to, o->sw);
        return;
    }
    for (int64_t j = 0; j < W; j++) {
        for (int64_t c = 0; c < count; c++) {
            to[j * o->sw + c] = nodes[c * W + j];
        }
    }
}

/* All columns through one chunk. node: reals of a column's nodes. */
static __attribute__((noinline)) void columns_chunk(const slab *b, const piece *p, const piece *stop, int64_t u,
                                                    int64_t count, const lists *l, const int32_t *start, real *nodes,
                                                    int64_t node)
{
    _Alignas(64) real turned[VL * W];
    const bool turn = b->o->sw != 1;
    const bool ends = turn && p < stop && stop[-1].part != NO_PART; /* the only part is that of the last piece */
    for (int64_t i = 0; i < count; i++) {
        walk(b, p, stop, u + i, l->place + start[i], l->value + start[i], nodes + i * node,
             turn ? turned + i % VL * W : NULL);
        if (ends && (i % VL == VL - 1 || i == count - 1)) {
            write_turned(b->o, turned, u + i / VL * VL, i % VL + 1, b->w);
        }
    }
}

/* Columns [u, u + count) by the vectors from w, through all chunks. */
static void columns_through(const outer *o, const outer_chunks *k, const pieces *p, int64_t u, int64_t count, int64_t w,
                            const lists *l, real *nodes)
{
    _Alignas(64) real panel[OUTER_SPARSE_ROWS * W];
    for (int q = 0; q < k->chunks; q++) {
        const int64_t first = chunk_first(o, k, q), end = k->end[q];
        const slab b = {.o = o, .w = w, .panel = panel, .first = first, .all = !pack(o, w, first, end, panel)};
        columns_chunk(&b, p->piece + p->first[q], p->piece + p->first[q + 1], u, count, l, l->start + q * count, nodes,
                      (o->program->depth + 1) * W);
    }
}

int64_t AS_V(as_outer_sparse)(const outer *o, const outer_chunks *k, int64_t u, int64_t count, int64_t w,
                              int64_t columns)
{
    _Alignas(64) real value[ENTRIES], nodes[OUTER_SPARSE_NODES / sizeof(real)];
    uint8_t place[ENTRIES];
    int32_t start[OUTER_SPARSE_CHUNKS * COLUMNS];
    lists l = {.value = value, .place = place, .start = start, .room = ENTRIES};
    const int64_t done = columns / W * W, node = (o->program->depth + 1) * W * (int64_t)sizeof(real);
    const int64_t rows = o->lane_row[o->program->lanes] - o->lane_row[0];
    const int64_t least_columns = sparse_least(VL, count),
                  most = sparse_least(COLUMNS, OUTER_SPARSE_NODES / node / VL * VL);
    if (least_columns * (rows + k->chunks) > ENTRIES || most == 0) {
        return 0;
    }
    pieces p;
    find_all_pieces(o, k, &p);
    int64_t some;
    for (int64_t i = 0; i < count; i += some) {
        for (some = sparse_least(most, count - i); !list_chunks(o, k, u + i, some, &l);) {
            some = (some / 2 + VL - 1) / VL * VL;
        }
        for (int64_t j = 0; j < done; j += W) {
            columns_through(o, k, &p, u + i, some, w + j, &l, nodes);
        }
    }
    return done;
}
