/* Weight gradients: sums over samples of outer products. A chain runs inside a lane, and the lane tree is walked for a
   tile at a time (v_outer_tile.c), so that no full gradient per lane exists.

   One operand is broadcast (U columns, in strips of up to OUTER_R), the other read as vectors (W columns, in panels of
   OUTER_W). The broadcast one is x and the vectors come from d, or the other way round when d is narrow: the product of
   two factors does not depend on their order. Rows come in chunks, whose ends are put where few nodes of the tree are
   unfinished. A chunk's panels are packed together, row by row as they lie in memory, and stay in L2 beside a block of
   packed strips. Between chunks the lowest node of a tile's stack waits in its place in the result, and others aside,
   for a block of tiles at a time; blocks are cut so that the least is packed again. A chunk moves no node that it does
   not use. Cost: 2 rows k n flops, and k n additions per lane.
 */
#include "kernels/outer.h"
#include "kernels/outer_sparse.h"
#include "kernels/team.h"

enum {
    ROWS = 512,          /* of a chunk, where it is for the kernel to choose */
    ROWS_MOST = 1024,    /* of any chunk */
    ROWS_MANY = 1024,    /* more rows than this make packing the fewer columns worth a tile written less easily */
    BYTES = 2048 * 1024, /* packed panels and strips, and nodes that wait aside, ... */
    BYTES_PANELS = 1024 * 1024,  /* ... of which panels at the most, where no node waits aside, ... */
    BYTES_STRIPS = 512 * 1024,   /* ... and strips */
    TILE = OUTER_R * OUTER_W,    /* reals of a node */
    REUSE = 3,                   /* panels beside a strip that pay for packing it, ... */
    REUSE_NEAR = 8,              /* ... where its rows lie near each other */
    TOGETHER = 8,                /* rows of strips that are packed at once */
    NEAR = 1280,                 /* rows no more bytes apart than this are read as fast where they lie */
    ROWS_AHEAD = 4,              /* rows that packing prefetches ahead */
    MOST = 40,                   /* per cent that are not zero: with more, tiles are faster ... */
    MOST_TURNED = 30,            /* ... than columns whose result is turned */
    COPY = OUTER_R == 6 ? 8 : 4, /* reals that are copied for a row of a strip, at least OUTER_R */
    PAD = VL                     /* reals at least between strips, so that they do not share cache sets */
};

/* What is the same for a thread's share. */
typedef struct plan {
    int64_t most;           /* rows of a chunk, no more than there are */
    int64_t strips, panels; /* of a block */
    int aside;              /* nodes of a tile that wait aside between chunks, at the most */
    bool lowest;            /* one of them is the lowest, which otherwise waits in the result */
    bool pack_strips, pack_panels;
} plan;

typedef struct buffers {
    real *strips, *panels;
    real **node; /* of a tile's stack: in memory that all tiles use, but for those that wait aside */
    real *aside;
    const int8_t *depth; /* nodes that wait after a lane */
} buffers;

/* Columns [u, u + count) of the broadcast operand in strips, by `panels` panels of the other one from w. */
typedef struct block {
    int64_t u, count, strips, w, panels;
} block;

static int64_t ceiling(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t at_most(int64_t a, int64_t most)
{
    return a < most ? a : most;
}

static void find_depths(const as_tree_program *program, int8_t *depth)
{
    int top = 0, lane = 0;
    for (int i = 0; i < program->steps; i++) {
        top += program->step[i] >= 0 ? 1 : -1;
        lane = program->step[i] >= 0 ? program->step[i] : lane;
        depth[lane] = (int8_t)top;
    }
}

/* The end of the chunk that starts at `row`, of no more than `most` rows: the last end of a lane after which the fewest
   nodes wait, or any row of a longer lane. *lane: the first lane that ends after `row`; moves on. */
static int64_t chunk_end(const outer *o, const int8_t *depth, int64_t row, int64_t most, int *lane, int *waiting)
{
    const int64_t last = o->lane_row[o->program->lanes];
    *waiting = 0;
    if (last - row <= most) {
        return last;
    }
    int best = -1, l = *lane;
    for (; o->lane_row[l + 1] <= row + most; l++) {
        const bool ends = o->lane_row[l + 1] > row && o->lane_row[l + 2] > o->lane_row[l + 1]; /* no empty lane next */
        best = ends && (best < 0 || depth[l] <= depth[best]) ? l : best;
    }
    if (best < 0) {
        *lane = l;
        *waiting = 1 + (l > 0 ? depth[l - 1] : 0);
        return row + most;
    }
    *lane = best + 1;
    *waiting = depth[best];
    return o->lane_row[best + 1];
}

/* Columns of panel j of a block, and its width as it is stored. */
static int64_t panel_columns(const outer *o, const block *k, int64_t j)
{
    return at_most(o->W - k->w - j * OUTER_W, OUTER_W);
}

static int64_t panel_vectors(const outer *o, const block *k, int64_t j)
{
    return ceiling(panel_columns(o, k, j), VL);
}

/* All panels of a block, row after row. */
static void pack_panels(const outer *o, const block *k, int64_t first, int64_t rows, real *packed)
{
    const int64_t last = k->panels - 1, columns = panel_columns(o, k, last), vectors = ceiling(columns, VL);
    const vmask mask = v_first(columns - (vectors - 1) * VL);
    const int64_t whole = last * OUTER_W + (vectors - 1) * VL;
    for (int64_t r = 0; r < rows; r++) {
        const real *const from = o->w + (first + r) * o->ldw + k->w;
        const real *const ahead = from + (r + ROWS_AHEAD < rows ? ROWS_AHEAD * o->ldw : 0);
        for (int64_t j = 0; j < last; j++) {
            AS_UNROLL
            for (int v = 0; v < OUTER_V; v++) {
                __builtin_prefetch(ahead + j * OUTER_W + v * VL);
                v_store(packed + (j * rows + r) * OUTER_W + v * VL, v_load(from + j * OUTER_W + v * VL));
            }
        }
        real *const to = packed + last * rows * OUTER_W + r * vectors * VL;
        for (int64_t v = 0; v < vectors - 1; v++) {
            v_store(to + v * VL, v_load(from + last * OUTER_W + v * VL));
        }
        v_store(to + (vectors - 1) * VL, v_load_masked(from + whole, mask));
    }
}

/* Reals from one packed strip to the next. */
static int64_t strip_reals(int64_t rows)
{
    return ceiling(rows * OUTER_R, VL) * VL + PAD;
}

/* Rows [r, r + count) of all strips of a block from `from`, COPY reals each or as many as a strip has. */
AS_INLINE void pack_rows(const block *k, const real *from, int64_t ld, int64_t r, const int count, bool whole, real *to,
                         int64_t apart)
{
    const int64_t q = k->count / k->strips, rest = k->count % k->strips;
    int64_t left = 0;
    from += r * ld;
    to += r * OUTER_R;
    for (int64_t t = 0; t < k->strips; t++, to += apart) {
        left += rest;
        const int64_t columns = q + (left >= k->strips ? 1 : 0);
        left -= left >= k->strips ? k->strips : 0;
        AS_UNROLL
        for (int s = 0; s < count; s++) {
            memcpy(to + s * OUTER_R, from + s * ld, (whole ? COPY : (size_t)columns) * sizeof(real));
        }
        from += columns;
    }
}

/* The block's columns of the broadcast operand, in rows of OUTER_R, one strip after the other, some rows at once. More
   is copied than a row of a strip has; what comes next overwrites it. */
static void pack_strips(const outer *o, const block *k, int64_t first, int64_t rows, real *packed)
{
    const int64_t apart = strip_reals(rows), stop = k->u + k->count;
    const int64_t last = (o->lane_row[o->program->lanes] - 1) * o->ldu + o->U; /* end of the operand in memory */
    const int64_t fast = last - stop >= COPY ? (last - stop - COPY) / o->ldu - first + 1 : 0;
    const real *const from = o->u + first * o->ldu + k->u;
    int64_t r = 0;
    for (; r + TOGETHER <= at_most(fast, rows); r += TOGETHER) {
        pack_rows(k, from, o->ldu, r, TOGETHER, true, packed, apart);
    }
    for (; r < rows; r++) {
        pack_rows(k, from, o->ldu, r, 1, r < fast, packed, apart);
    }
}

/* Whether the lowest node is read or written between a cursor and the row `end`. */
static bool uses_lowest(const outer *o, const int8_t *depth, outer_cursor from, int64_t end)
{
    bool uses = from.top == 0;
    for (int l = 0; l < o->program->lanes && !uses; l++) {
        const int64_t stop = o->lane_row[l + 1];
        uses = stop > from.row && stop <= end && depth[l] <= 1;
    }
    return uses;
}

/* All tiles of a block through one chunk of rows, from the cursor to `end`. */
static outer_cursor block_chunk(const outer *o, const plan *p, const block *k, outer_cursor from, int64_t end,
                                const buffers *m)
{
    const int64_t rows = end - from.row, apart = strip_reals(rows);
    const bool moves = !p->lowest && uses_lowest(o, m->depth, from, end);
    outer_cursor after = from;
    if (p->pack_strips) {
        pack_strips(o, k, from.row, rows, m->strips);
    }
    for (int64_t j = 0; j < k->panels; j++) {
        const int64_t w = k->w + j * OUTER_W, vectors = panel_vectors(o, k, j);
        const bool packed = p->pack_panels || panel_columns(o, k, j) < vectors * VL;
        for (int64_t t = 0; t < k->strips; t++) {
            const int64_t i = k->count * t / k->strips, columns = k->count * (t + 1) / k->strips - i;
            for (int q = 0; q < p->aside; q++) {
                m->node[q + (p->lowest ? 0 : 1)] = m->aside + ((j * k->strips + t) * p->aside + q) * TILE;
            }
            const outer_place at = {
                .u = k->u + i,
                .w = w,
                .a = p->pack_strips ? m->strips + t * apart : o->u + from.row * o->ldu + k->u + i,
                .step = p->pack_strips ? OUTER_R : o->ldu,
                .b = packed ? m->panels + j * rows * OUTER_W : o->w + from.row * o->ldw + w,
                .width = packed ? vectors * VL : o->ldw,
                .node = m->node,
                .next = t + 1 < k->strips ? columns : 0,
                .moves = moves,
            };
            after = AS_V(as_outer_walks)[columns - 1][vectors - 1](o, &at, from, end);
        }
    }
    return after;
}

/* Whether a panel of the block is packed though the others are not. */
static bool ragged(const outer *o, const block *k)
{
    return panel_columns(o, k, k->panels - 1) % VL != 0;
}

/* All rows, chunk after chunk, of the strips [first, stop) of the columns [u, u + count), by the panels of `k`. */
static void walk_chunks(const outer *o, const plan *p, const block *k, int64_t first, int64_t stop, const buffers *m)
{
    const int64_t last = o->lane_row[o->program->lanes];
    outer_cursor c = {.row = o->lane_row[0]};
    int lane = 0, waiting;
    do {
        const int64_t end = chunk_end(o, m->depth, c.row, p->most, &lane, &waiting);
        outer_cursor after = c;
        if (p->pack_panels) {
            pack_panels(o, k, c.row, end - c.row, m->panels);
        } else if (ragged(o, k)) {
            block edge = *k;
            edge.w += (k->panels - 1) * OUTER_W;
            edge.panels = 1;
            pack_panels(o, &edge, c.row, end - c.row, m->panels + (k->panels - 1) * (end - c.row) * OUTER_W);
        }
        for (int64_t t = first; t < stop; t += p->strips) {
            const int64_t t1 = at_most(t + p->strips, stop), i = k->count * t / k->strips;
            const block part = {.u = k->u + i,
                                .count = k->count * t1 / k->strips - i,
                                .strips = t1 - t,
                                .w = k->w,
                                .panels = k->panels};
            after = block_chunk(o, p, &part, c, end, m);
        }
        c = after;
    } while (c.row < last);
}

static bool near_rows(int64_t ld)
{
    return ld * (int64_t)sizeof(real) <= NEAR;
}

/* Nodes that wait at the most between chunks of no more than `most` rows. */
static int most_waiting(const outer *o, const int8_t *depth, int64_t most)
{
    int found = 0, waiting, lane = 0;
    for (int64_t row = o->lane_row[0]; row < o->lane_row[o->program->lanes];) {
        row = chunk_end(o, depth, row, most, &lane, &waiting);
        found = waiting > found ? waiting : found;
    }
    return found;
}

/* Blocks of no more panels and strips than the plan has, whose nodes have room aside: those that pack the fewest
   columns, since each block packs its own through all rows; among equals the largest. */
static void cut_blocks(plan *p, int64_t count, int64_t columns)
{
    const int64_t strips = ceiling(count, OUTER_R), panels = ceiling(columns, OUTER_W);
    const int64_t strip = p->pack_strips ? strip_reals(p->most) : 0, most = p->strips;
    int64_t least = INT64_MAX, size = 0;
    for (int64_t w = p->panels; w > 0; w--) {
        const int64_t room = BYTES / (int64_t)sizeof(real) - w * p->most * OUTER_W;
        const int64_t u = at_most(room / (strip + w * p->aside * TILE), most);
        if (u < 1) {
            continue;
        }
        const int64_t packed =
            (p->pack_panels ? columns * ceiling(strips, u) : 0) + (p->pack_strips ? count * ceiling(panels, w) : 0);
        if (packed < least || (packed == least && u * w > size)) {
            least = packed;
            size = u * w;
            p->panels = w;
            p->strips = u;
        }
    }
}

static plan make_plan(const outer *o, const as_outer_choices *choices, const int8_t *depth, int64_t count,
                      int64_t columns)
{
    const int64_t all = o->lane_row[o->program->lanes] - o->lane_row[0];
    const int64_t strips = ceiling(count, OUTER_R), panels = ceiling(columns, OUTER_W);
    plan p = {.most = at_most(at_most(choices->chunk > 0 ? choices->chunk : ROWS, ROWS_MOST), all > 0 ? all : 1)};
    const int waiting = most_waiting(o, depth, p.most);
    p.lowest = waiting > 0 && (o->sw != 1 || choices->nodes == AS_OUTER_ASIDE);
    p.aside = waiting - (waiting > 0 && !p.lowest ? 1 : 0);
    p.pack_strips = choices->strips == AS_OUTER_PACKED ||
                    (choices->strips == AS_OUTER_READ_AUTO && panels >= (near_rows(o->ldu) ? REUSE_NEAR : REUSE));
    p.pack_panels = choices->panels == AS_OUTER_PACKED ||
                    (choices->panels == AS_OUTER_READ_AUTO && strips >= REUSE && !near_rows(o->ldw));
    const int64_t bytes = sizeof(real);
    p.panels = at_most(choices->block_panels > 0 ? choices->block_panels : panels, panels);
    p.panels = at_most(p.panels, BYTES_PANELS / bytes / OUTER_W / p.most);
    p.strips = at_most(choices->block_strips > 0 ? choices->block_strips : strips, strips);
    if (p.aside > 0) {
        cut_blocks(&p, count, columns);
    } else if (p.pack_strips) {
        p.strips = at_most(p.strips, BYTES_STRIPS / bytes / strip_reals(p.most));
    }
    return p;
}

/* The parts of a thread's memory, for chunks of the plan. */
static buffers make_buffers(const plan *p, real *memory, real **node, const int8_t *depth)
{
    real *const strips = memory + p->panels * p->most * OUTER_W;
    return (buffers){.panels = memory,
                     .strips = strips,
                     .aside = strips + (p->pack_strips ? p->strips * strip_reals(p->most) : 0),
                     .node = node,
                     .depth = depth};
}

/* Chunks that fit the lists of sparse columns; false where they are too many. */
static bool sparse_chunks(const outer *o, const int8_t *depth, outer_chunks *k)
{
    int lane = 0, waiting;
    k->chunks = 0;
    for (int64_t row = o->lane_row[0]; k->chunks == 0 || row < o->lane_row[o->program->lanes]; k->chunks++) {
        if (k->chunks == OUTER_SPARSE_CHUNKS) {
            return false;
        }
        row = chunk_end(o, depth, row, OUTER_SPARSE_ROWS, &lane, &waiting);
        k->end[k->chunks] = row;
    }
    return true;
}

/* Those of the columns that are computed without zeros; returns how many of [w, w + columns). */
static __attribute__((noinline)) int64_t sparse_range(const outer *o, int64_t u, int64_t count, int64_t w,
                                                      int64_t columns)
{
    int8_t depth[AS_LANES_MAX];
    outer_chunks chunks;
    find_depths(o->program, depth);
    return sparse_chunks(o, depth, &chunks) ? AS_V(as_outer_sparse)(o, &chunks, u, count, w, columns) : 0;
}

/* The thread's columns [u, u + count) by [w, w + columns). */
static __attribute__((noinline)) void outer_range(const outer *o, const as_outer_choices *choices, int64_t u,
                                                  int64_t count, int64_t w, int64_t columns)
{
    _Alignas(64) real memory[BYTES / sizeof(real)];
    _Alignas(64) outer_tile stack[AS_TREE_DEPTH_MAX + 1];
    int8_t depth[AS_LANES_MAX];
    real *node[AS_TREE_DEPTH_MAX + 1];
    for (int i = 0; i <= AS_TREE_DEPTH_MAX; i++) {
        node[i] = stack[i];
    }
    find_depths(o->program, depth);
    const plan p = make_plan(o, choices, depth, count, columns);
    const buffers m = make_buffers(&p, memory, node, depth);
    const int64_t tall = ceiling(count, OUTER_R), wide = ceiling(columns, OUTER_W);
    for (int64_t j = 0; j < wide; j += p.panels) {
        const block k = {
            .u = u, .count = count, .strips = tall, .w = w + j * OUTER_W, .panels = at_most(p.panels, wide - j)};
        const int64_t turn = p.aside > 0 ? p.strips : tall;
        for (int64_t t = 0; t < tall; t += turn) {
            walk_chunks(o, &p, &k, t, at_most(t + turn, tall), &m);
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
    return k > n ? n < NR : k >= NR && k < REUSE * NR && rows > ROWS_MANY;
}

/* The operand whose zeros are left out (as_outer_operand), which is then the broadcast one; AUTO: none. */
static as_outer_operand sparse_operand(const as_outer_choices *choices, int64_t k, int64_t n, const real *x,
                                       int64_t ldx, const real *d, int64_t ldd, const as_tree_program *program,
                                       const int64_t *lane_row, bool resume)
{
    const int64_t first = lane_row[0], rows = lane_row[program->lanes] - first, wide = SPARSE_V * VL;
    const bool turns = program->parts == 1 && !resume, always = choices->sparse == AS_ALWAYS;
    const bool x_may = choices->broadcast != AS_OUTER_D && n >= wide;
    const bool d_may = choices->broadcast != AS_OUTER_X && k >= wide && turns;
    if (choices->sparse == AS_NEVER || rows == 0) {
        return AS_OUTER_AUTO;
    }
    if (x_may && (always || sparse_enough(rows, k, x + first * ldx, ldx, MOST))) {
        return AS_OUTER_X;
    }
    return d_may && (always || sparse_enough(rows, n, d + first * ldd, ldd, MOST_TURNED)) ? AS_OUTER_D : AS_OUTER_AUTO;
}

static void outer_lanes(const as_outer_choices *choices, int64_t k, int64_t n, const void *x, int64_t ldx,
                        const void *d, int64_t ldd, const as_tree_program *program, const int64_t *lane_row,
                        bool resume, void *const *part, int64_t ldp, int thread, int threads)
{
    const int64_t rows = lane_row[program->lanes] - lane_row[0];
    const as_outer_operand sparse = sparse_operand(choices, k, n, x, ldx, d, ldd, program, lane_row, resume);
    const bool swap = sparse == AS_OUTER_AUTO ? broadcasts_d(choices, k, n, rows) : sparse == AS_OUTER_D;
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
    const int64_t grain = sparse == AS_OUTER_AUTO ? OUTER_W : SPARSE_V * VL;
    int64_t u = 0, count = U, w = 0, columns = W;
    if (W / grain > U / OUTER_R) {
        as_team_share(W, grain, thread, threads, &w, &columns);
    } else {
        as_team_share(U, sparse == AS_OUTER_AUTO ? 1 : VL, thread, threads, &u, &count);
    }
    if (count == 0 || columns == 0) {
        return;
    }
    const int64_t done = sparse == AS_OUTER_AUTO ? 0 : sparse_range(&o, u, count, w, columns);
    if (done < columns) {
        outer_range(&o, choices, u, count, w + done, columns - done);
    }
}

void AS_V(as_outer_lanes)(int64_t k, int64_t n, const void *x, int64_t ldx, const void *d, int64_t ldd,
                          const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                          int64_t ldp, int thread, int threads)
{
    static const as_outer_choices automatic = {0};
    outer_lanes(&automatic, k, n, x, ldx, d, ldd, program, lane_row, resume, part, ldp, thread, threads);
}

const as_outer_ops AS_V(as_outer) = {.lanes = outer_lanes};
