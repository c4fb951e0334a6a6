/* Weight gradients: sums over samples of outer products. A chain runs inside a lane, and the lane tree is walked for a
   tile at a time (v_outer_tile.c), so that no full gradient per lane exists.

   One operand is broadcast (U columns, in strips of up to MR), the other read as vectors (W columns, in panels of NR).
   The broadcast one is x and the vectors come from d, or the other way round when d is narrow: the product of two
   factors does not depend on their order. Rows come in chunks, over whose ends a tile's nodes wait in memory. In a
   chunk, strips and panels are packed where rows lie far apart: a panel stays in L1 while the strips pass by from L2.
   With one chunk all tiles share one stack; with several, a block of tiles has its stacks in L2. Cost: 2 rows k n
   flops, and k n additions per lane. */
#include "kernels/outer.h"
#include "kernels/outer_tile.h"
#include "kernels/team.h"

enum {
    ROWS_FEW = 1024,              /* no more rows than this are one chunk */
    ROWS_CHUNK = 256,             /* otherwise a chunk has about so many */
    BLOCK_STACK = 1024 * 1024,    /* bytes of a block's stacks */
    BLOCK_BROADCAST = 768 * 1024, /* bytes of a block's packed broadcast operand */
    PANELS = 8,                   /* panels of a block of several chunks */
    REUSE = 3,                    /* panels beside a strip, or strips beside a panel, that pay for packing it */
    ROWS_AHEAD = 16,              /* rows that packing prefetches ahead */
    TOGETHER = 4,                 /* strips that are packed at once */
    NEAR = 1280,                  /* rows no more bytes apart than this are read as fast where they lie */
    SLACK = 2 * VL                /* reals behind packed strips, written as part of whole vectors */
};

/* Columns [u, u + count) of the broadcast operand in strips, by `panels` panels of the other one from w. */
typedef struct block {
    int64_t u, count, strips, w, panels;
    int64_t chunks;
    bool pack_strips, pack_panels;
} block;

typedef struct buffers {
    real *strips, *panel;
    outer_tile *stack;
} buffers;

static int64_t ceiling(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t at_most(int64_t a, int64_t most)
{
    return a < most ? a : most;
}

/* Rows of the vector operand's panel at column w, `width` wide, padding zero. */
static void pack_panel(const outer *o, int64_t w, int64_t width, int64_t first, int64_t rows, real *panel)
{
    const vmask low = v_first(o->W - w), high = v_first(o->W - w - VL);
    const real *from = o->w + first * o->ldw + w;
    for (int64_t r = 0; r < rows; r++, from += o->ldw, panel += width) {
        if (r + ROWS_AHEAD < rows) {
            __builtin_prefetch(from + ROWS_AHEAD * o->ldw);
            __builtin_prefetch(from + ROWS_AHEAD * o->ldw + VL);
        }
        v_store(panel, v_load_masked(from, low));
        if (width == NR) {
            v_store(panel + VL, v_load_masked(from + VL, high));
        }
    }
}

/* MR reals, of which `columns` count; whole vectors where `whole` says that those can be read. */
AS_INLINE void pack_few(const real *from, int columns, bool whole, real *to)
{
    if (whole) {
        AS_UNROLL
        for (int v = 0; v < MR; v += VL) {
            v_store(to + v, v_load(from + v));
        }
    } else {
        for (int c = 0; c < columns; c++) {
            to[c] = from[c];
        }
    }
}

/* The block's columns of the broadcast operand, rows of MR, one strip after the other, some at once so that neighbours
   in memory are read together. Vectors go past the end of a row of MR; what comes next overwrites that. */
static void pack_strips(const outer *o, const block *k, int64_t first, int64_t rows, real *packed)
{
    const int64_t last = o->lane_row[o->program->lanes] * o->ldu - (o->ldu - o->U);
    for (int64_t t0 = 0; t0 < k->strips; t0 += TOGETHER) {
        const int64_t some = at_most(k->strips - t0, TOGETHER);
        int64_t i[TOGETHER];
        int columns[TOGETHER];
        for (int64_t t = 0; t < some; t++) {
            columns[t] = strip_rows(k->count, k->strips, t0 + t, &i[t]);
        }
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t t = 0; t < some; t++) {
                const int64_t from = (first + r) * o->ldu + k->u + i[t];
                /* The last row of a strip must not run into the next strip, which is there already. */
                const bool whole = from + MR + VL <= last && r + 1 < rows;
                pack_few(o->u + from, columns[t], whole, packed + ((t0 + t) * rows + r) * MR);
            }
        }
    }
}

/* One chunk of rows, from the cursor to `end`, of all tiles of a block. */
static outer_cursor block_chunk(const outer *o, const block *k, outer_cursor from, int64_t end, const buffers *m)
{
    const int64_t rows = end - from.row;
    outer_cursor after = from;
    if (k->pack_strips) {
        pack_strips(o, k, from.row, rows, m->strips);
    }
    for (int64_t j = 0; j < k->panels; j++) {
        const int64_t w = k->w + j * NR, width = panel_width(o->W, w);
        const bool packed = k->pack_panels || o->W - w < width;
        if (packed) {
            pack_panel(o, w, width, from.row, rows, m->panel);
        }
        for (int64_t t = 0; t < k->strips; t++) {
            int64_t i;
            const int columns = strip_rows(k->count, k->strips, t, &i);
            const outer_place at = {
                .u = k->u + i,
                .w = w,
                .a = k->pack_strips ? m->strips + t * rows * MR : o->u + from.row * o->ldu + k->u + i,
                .step = k->pack_strips ? MR : o->ldu,
                .b = packed ? m->panel : o->w + from.row * o->ldw + w,
                .width = packed ? width : o->ldw,
                .stack = m->stack + (k->chunks > 1 ? j * k->strips + t : 0),
                .pitch = k->chunks > 1 ? k->panels * k->strips : 1,
            };
            after = AS_V(as_outer_walks)[columns - 1][width / VL - 1](o, &at, from, end);
        }
    }
    return after;
}

static void block_walk(const outer *o, const block *k, const buffers *m)
{
    const int64_t first = o->lane_row[0], rows = o->lane_row[o->program->lanes] - first;
    outer_cursor c = {.row = first};
    for (int64_t q = 1; q <= k->chunks; q++) {
        c = block_chunk(o, k, c, first + rows * q / k->chunks, m);
    }
}

/* What is the same for all blocks of a thread's share, and how large they are. */
typedef struct plan {
    int64_t chunks, strips, panels;
    bool pack_strips, pack_panels;
} plan;

static bool near_rows(int64_t ld)
{
    return ld * (int64_t)sizeof(real) <= NEAR;
}

static plan make_plan(const outer *o, const as_outer_choices *choices, int64_t count, int64_t columns)
{
    const int64_t rows = o->lane_row[o->program->lanes] - o->lane_row[0];
    const int64_t asked = choices->chunk > 0 ? choices->chunk : rows <= ROWS_FEW ? ROWS_FEW : ROWS_CHUNK;
    const int64_t chunk = at_most(asked, ROWS_FEW), depth = o->program->depth > 0 ? o->program->depth : 1;
    plan p = {.chunks = rows > 0 ? ceiling(rows, chunk) : 1};
    const int64_t tiles = p.chunks > 1 ? BLOCK_STACK / (int64_t)sizeof(outer_tile) / depth : INT64_MAX;
    const int64_t strips = ceiling(count, MR), panels = ceiling(columns, NR);
    p.panels = choices->block_panels > 0 ? choices->block_panels : p.chunks > 1 ? PANELS : panels;
    p.panels = at_most(at_most(p.panels, panels), tiles);
    p.strips = at_most(choices->block_strips > 0 ? choices->block_strips : strips, strips);
    p.strips = at_most(p.strips, tiles / p.panels);
    p.pack_strips = choices->strips == AS_OUTER_PACKED ||
                    (choices->strips == AS_OUTER_READ_AUTO && p.panels >= REUSE && !near_rows(o->ldu));
    p.pack_panels = choices->panels == AS_OUTER_PACKED || (choices->panels == AS_OUTER_READ_AUTO && !near_rows(o->ldw));
    if (p.pack_strips) {
        p.strips = at_most(p.strips, BLOCK_BROADCAST / (int64_t)sizeof(real) / (at_most(rows + 1, chunk) * MR));
    }
    return p;
}

/* The thread's columns [u, u + count) by [w, w + columns), in blocks. */
static __attribute__((noinline)) void outer_range(const outer *o, const as_outer_choices *choices, int64_t u,
                                                  int64_t count, int64_t w, int64_t columns)
{
    _Alignas(64) real strips[BLOCK_BROADCAST / sizeof(real) + SLACK];
    _Alignas(64) real panel[ROWS_FEW * NR];
    _Alignas(64) outer_tile stack[BLOCK_STACK / sizeof(outer_tile)];
    const buffers m = {strips, panel, stack};
    const plan p = make_plan(o, choices, count, columns);
    const int64_t blocks = ceiling(ceiling(count, MR), p.strips), panels = ceiling(columns, NR);
    for (int64_t q = 0; q < blocks; q++) {
        const int64_t i = count * q / blocks, part = count * (q + 1) / blocks - i, tall = ceiling(part, MR);
        for (int64_t j = 0; j < panels; j += p.panels) {
            const block k = {.u = u + i,
                             .count = part,
                             .strips = tall,
                             .w = w + j * NR,
                             .panels = at_most(p.panels, panels - j),
                             .chunks = p.chunks,
                             .pack_strips = p.pack_strips,
                             .pack_panels = p.pack_panels && (tall > 1 || choices->panels == AS_OUTER_PACKED)};
            block_walk(o, &k, &m);
        }
    }
}

/* Whether d is the broadcast operand: where it is narrow, since a panel would be half empty; and where x has few panels
   and the rows are many, since then only those are packed. A tile of swapped operands is written less easily. */
static bool broadcasts_d(const as_outer_choices *choices, int64_t k, int64_t n, int64_t rows)
{
    if (choices->broadcast != AS_OUTER_AUTO) {
        return choices->broadcast == AS_OUTER_D;
    }
    return k > n ? n < NR : k >= NR && k < REUSE * NR && rows > ROWS_FEW;
}

static void outer_lanes(const as_outer_choices *choices, int64_t k, int64_t n, const void *x, int64_t ldx,
                        const void *d, int64_t ldd, const as_tree_program *program, const int64_t *lane_row,
                        bool resume, void *const *part, int64_t ldp, int thread, int threads)
{
    const bool swap = broadcasts_d(choices, k, n, lane_row[program->lanes] - lane_row[0]);
    const int64_t U = swap ? n : k, W = swap ? k : n;
    const outer o = {.u = swap ? d : x,
                     .w = swap ? x : d,
                     .ldu = swap ? ldd : ldx,
                     .ldw = swap ? ldx : ldd,
                     .U = U,
                     .W = W,
                     .program = program,
                     .lane_row = lane_row,
                     .resume = resume,
                     .part = part,
                     .su = swap ? 1 : ldp,
                     .sw = swap ? ldp : 1};
    int64_t u = 0, count = U, w = 0, columns = W;
    if (W / NR > U / MR) {
        as_team_share(W, NR, thread, threads, &w, &columns);
    } else {
        as_team_share(U, 1, thread, threads, &u, &count);
    }
    if (count > 0 && columns > 0) {
        outer_range(&o, choices, u, count, w, columns);
    }
}

void AS_V(as_outer_lanes)(int64_t k, int64_t n, const void *x, int64_t ldx, const void *d, int64_t ldd,
                          const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                          int64_t ldp, int thread, int threads)
{
    static const as_outer_choices automatic = {0};
    outer_lanes(&automatic, k, n, x, ldx, d, ldd, program, lane_row, resume, part, ldp, thread, threads);
}

extern const as_outer_ops AS_V(as_outer);

const as_outer_ops AS_V(as_outer) = {.lanes = outer_lanes};
