/* Weight gradients: sums over samples of outer products. A chain runs inside a lane, and the lane tree is walked for a
   tile or a block of tiles at a time, so that no full gradient per lane exists.

   One operand is broadcast (U columns, R of them per tile), the other read as vectors (W columns, packed into panels).
   The broadcast one is x and the vectors come from d, or the other way round when d is narrow: the product of two
   factors does not depend on their order. Two walks give the same bits:
     few rows:  tile by tile, all lanes; the node at hand stays in registers, its left brothers on a small stack in L1.
                A panel of d is packed once and serves all tiles beside it; for one tile it is read in place.
     many rows: lane by lane, a block of tiles whose stack fits L2; rows of a lane in chunks that are packed.
   Cost: 2 rows k n flops, and k n additions per lane. */
#include "kernels/table.h"
#include "kernels/team.h"
#include "kernels/tile.h"

enum {
    ROWS_FEW = 1024,              /* rows of a packed panel at most */
    ROWS_CHUNK = 256,             /* rows of a lane packed at once in the walk by lanes */
    PANELS = 4,                   /* panels of a block */
    BLOCK_TILES = 384 * 1024,     /* bytes of a block's stack */
    ROWS_AHEAD = 16,              /* rows that packing prefetches ahead */
    BLOCK_BROADCAST = 768 * 1024, /* bytes of packed broadcast operand */
    FITS = 1024 * 1024,           /* a broadcast operand of no more bytes than this is read in place ... */
    CONFLICT = 2048,              /* ... unless its rows lie a multiple of this apart and share cache sets */
    NARROW = NR                   /* fewer columns of d than this make it the broadcast operand */
};

typedef struct outer {
    const real *u, *w; /* broadcast (rows, U) and vector (rows, W) operand */
    int64_t ldu, ldw;
    int64_t W;
    const as_tree_program *program;
    const int64_t *lane_row;
    bool resume;
    void *const *part;
    int64_t su, sw; /* element (u, w) of a part is at u * su + w * sw */
} outer;

/* A tile's place: element (u, w) of the result is its first; cols of its columns count. */
typedef struct place {
    int64_t u, w, cols;
} place;

AS_INLINE void tile_load(const int R, const int V, const outer *o, place at, vreal s[MR][2])
{
    real scratch[MR][NR] = {{0}};
    const real *const from = (const real *)o->part[0] + at.u * o->su + at.w * o->sw;
    for (int r = 0; r < R; r++) {
        for (int64_t c = 0; c < at.cols && c < V * VL; c++) {
            scratch[r][c] = from[r * o->su + c * o->sw];
        }
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[r][v] = v_load(&scratch[r][v * VL]);
        }
    }
}

/* The tile into part p, straight or, where columns of the tile are rows of the part, through a scratch. */
AS_INLINE void tile_emit(const int R, const int V, const outer *o, place at, int p, vreal s[MR][2])
{
    real *const to = (real *)o->part[p] + at.u * o->su + at.w * o->sw;
    if (o->sw == 1) {
        vmask mask[2];
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            mask[v] = v_first(at.cols - v * VL);
        }
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                v_store_masked(to + r * o->su + v * VL, s[r][v], mask[v]);
            }
        }
        return;
    }
    real scratch[MR][NR];
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            v_store(&scratch[r][v * VL], s[r][v]);
        }
    }
    for (int64_t c = 0; c < at.cols && c < V * VL; c++) {
        for (int r = 0; r < R; r++) {
            to[r * o->su + c * o->sw] = scratch[r][c];
        }
    }
}

/* Asks for the lines of part p that the tile will write. */
AS_INLINE void tile_expect(const int R, const outer *o, place at, int p)
{
    if (o->sw == 1 && p < o->program->parts) {
        const real *const to = (const real *)o->part[p] + at.u * o->su + at.w;
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            __builtin_prefetch(to + r * o->su, 1);
            __builtin_prefetch(to + r * o->su + VL, 1);
        }
    }
}

/* All lanes of one tile. a (rows, step between them) and the panel b start at row lane_row[0]. */
AS_INLINE void tile_walk(const int R, const int V, const tile_stream stream, const outer *o, place at, const real *a,
                         int64_t step, const real *b, int64_t width)
{
    const as_tree_program *const program = o->program;
    vreal stack[AS_TREE_DEPTH_MAX][MR][2];
    int top = 0, parts = 0;
    tile_expect(R, o, at, parts);
    for (int q = 0; q < program->steps;) {
        vreal s[MR][2];
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                s[r][v] = v_splat(0);
            }
        }
        if (o->resume) {
            tile_load(R, V, o, at, s);
        }
        const int lane = program->step[q++];
        const int64_t first = o->lane_row[lane] - o->lane_row[0], rows = o->lane_row[lane + 1] - o->lane_row[lane];
        tile_chain(R, V, true, stream, rows, a + first * step, 1, step, b + first * width, width, s);
        for (; q < program->steps && program->step[q] == AS_TREE_MERGE; q++) {
            top--;
            AS_UNROLL
            for (int r = 0; r < R; r++) {
                AS_UNROLL
                for (int v = 0; v < V; v++) {
                    s[r][v] = stack[top][r][v] + s[r][v];
                }
            }
        }
        if (q < program->steps && program->step[q] == AS_TREE_EMIT) {
            tile_emit(R, V, o, at, parts++, s);
            tile_expect(R, o, at, parts);
            q++;
            continue;
        }
        AS_UNROLL
        for (int r = 0; r < R; r++) {
            AS_UNROLL
            for (int v = 0; v < V; v++) {
                stack[top][r][v] = s[r][v];
            }
        }
        top++;
    }
}

/* node += rows of one lane; fresh: node starts from zero. node has rows of V vectors. */
AS_INLINE void tile_add(const int R, const int V, int64_t rows, const real *a, int64_t step, const real *b,
                        int64_t width, bool fresh, real *node)
{
    vreal s[MR][2];
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[r][v] = fresh ? v_splat(0) : v_load(node + r * NR + v * VL);
        }
    }
    tile_chain(R, V, true, STREAM_A, rows, a, 1, step, b, width, s);
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            v_store(node + r * NR + v * VL, s[r][v]);
        }
    }
}

typedef void walk_function(const outer *o, place at, const real *a, int64_t step, const real *b, int64_t width);
typedef void add_function(int64_t rows, const real *a, int64_t step, const real *b, int64_t width, bool fresh,
                          real *node);

#define TILE(R, V)                                                                                                     \
    static void walk_##R##_##V(const outer *o, place at, const real *a, int64_t step, const real *b, int64_t width)    \
    {                                                                                                                  \
        tile_walk(R, V, STREAM_A, o, at, a, step, b, width);                                                           \
    }                                                                                                                  \
    static void add_##R##_##V(int64_t rows, const real *a, int64_t step, const real *b, int64_t width, bool fresh,     \
                              real *node)                                                                              \
    {                                                                                                                  \
        tile_add(R, V, rows, a, step, b, width, fresh, node);                                                          \
    }
#define TILES(R) TILE(R, 1) TILE(R, 2)
#define WALK(R) {walk_##R##_1, walk_##R##_2},
#define ADD(R) {add_##R##_1, add_##R##_2},

EACH_R(TILES)
static walk_function *const walks[MR][2] = {EACH_R(WALK)};
static add_function *const adds[MR][2] = {EACH_R(ADD)};

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

/* Columns [u, u + count) of the broadcast operand, all rows, one strip after the other: strip t has rows of MR. */
static void pack_strips(const outer *o, int64_t u, int64_t count, int64_t strips, int64_t first, int64_t rows,
                        real *packed)
{
    for (int64_t r = 0; r < rows; r++) {
        const real *const from = o->u + (first + r) * o->ldu + u;
        for (int64_t t = 0; t < strips; t++) {
            int64_t i;
            const int columns = strip_rows(count, strips, t, &i);
            real *const to = packed + (t * rows + r) * MR;
            for (int c = 0; c < columns; c++) {
                to[c] = from[i + c];
            }
        }
    }
}

/* Few rows: columns [u, u + count) by [w, end); packed: the broadcast operand in strips, or NULL to read it in place.
 */
static void tile_by_tile(const outer *o, int64_t u, int64_t count, int64_t w, int64_t end, const real *packed)
{
    _Alignas(64) real panel[ROWS_FEW * NR];
    const int64_t strips = (count + MR - 1) / MR, first = o->lane_row[0];
    const int64_t rows = o->lane_row[o->program->lanes] - first;
    for (; w < end; w += NR) {
        const int64_t width = panel_width(o->W, w);
        const bool in_place = strips == 1 && o->W - w >= width;
        const real *const b = in_place ? o->w + first * o->ldw + w : panel;
        const int64_t next = in_place ? o->ldw : width;
        if (!in_place) {
            pack_panel(o, w, width, first, rows, panel);
        }
        for (int64_t t = 0; t < strips; t++) {
            int64_t i;
            const int columns = strip_rows(count, strips, t, &i);
            const place at = {u + i, w, o->W - w};
            if (packed != NULL) {
                walks[columns - 1][width / VL - 1](o, at, packed + t * rows * MR, MR, b, next);
            } else {
                walks[columns - 1][width / VL - 1](o, at, o->u + first * o->ldu + u + i, o->ldu, b, next);
            }
        }
    }
}

/* Few rows, a broadcast operand that the caches do not take as it lies: packed in blocks. */
static __attribute__((noinline)) void tile_by_tile_packed(const outer *o, int64_t u, int64_t count, int64_t w,
                                                          int64_t end)
{
    _Alignas(64) real packed[BLOCK_BROADCAST / sizeof(real)];
    const int64_t first = o->lane_row[0], rows = o->lane_row[o->program->lanes] - first;
    const int64_t most = BLOCK_BROADCAST / (int64_t)sizeof(real) / (rows * MR) * MR;
    const int64_t blocks = (count + most - 1) / most;
    for (int64_t q = 0; q < blocks; q++) {
        const int64_t i = count * q / blocks, part = count * (q + 1) / blocks - i;
        pack_strips(o, u + i, part, (part + MR - 1) / MR, first, rows, packed);
        tile_by_tile(o, u + i, part, w, end, packed);
    }
}

/* A block of tiles: strips over columns [u, u + count), panels over [w, end). Tile (t, j) of a node is number j *
 * strips + t. */
typedef struct block {
    int64_t u, count, strips, w, end;
} block;

typedef real node_tile[MR * NR];

static void block_lane(const outer *o, const block *k, int lane, node_tile *node, real *panel)
{
    for (int64_t first = o->lane_row[lane]; first < o->lane_row[lane + 1]; first += ROWS_CHUNK) {
        const int64_t left = o->lane_row[lane + 1] - first, rows = left < ROWS_CHUNK ? left : ROWS_CHUNK;
        const bool fresh = first == o->lane_row[lane] && !o->resume;
        node_tile *tile = node;
        for (int64_t w = k->w; w < k->end; w += NR) {
            const int64_t width = panel_width(o->W, w);
            const bool in_place = k->strips == 1 && o->W - w >= width;
            const real *const b = in_place ? o->w + first * o->ldw + w : panel;
            const int64_t next = in_place ? o->ldw : width;
            if (!in_place) {
                pack_panel(o, w, width, first, rows, panel);
            }
            for (int64_t t = 0; t < k->strips; t++, tile++) {
                int64_t i;
                const int columns = strip_rows(k->count, k->strips, t, &i);
                adds[columns - 1][width / VL - 1](rows, o->u + first * o->ldu + k->u + i, o->ldu, b, next, fresh,
                                                  *tile);
            }
        }
    }
}

/* Copies a node to (or from) part p. */
static void block_copy(const outer *o, const block *k, int p, bool out, node_tile *node)
{
    for (int64_t w = k->w; w < k->end; w += NR) {
        const int64_t cols = o->W - w < NR ? o->W - w : NR;
        for (int64_t t = 0; t < k->strips; t++, node++) {
            int64_t i;
            const int columns = strip_rows(k->count, k->strips, t, &i);
            real *const at = (real *)o->part[p] + (k->u + i) * o->su + w * o->sw;
            for (int r = 0; r < columns; r++) {
                for (int64_t c = 0; c < cols; c++) {
                    if (out) {
                        at[r * o->su + c * o->sw] = (*node)[r * NR + c];
                    } else {
                        (*node)[r * NR + c] = at[r * o->su + c * o->sw];
                    }
                }
            }
        }
    }
}

static void block_walk(const outer *o, const block *k, node_tile *stack, real *panel)
{
    const int64_t tiles = (k->end - k->w + NR - 1) / NR * k->strips;
    int top = 0, parts = 0;
    for (int q = 0; q < o->program->steps; q++) {
        const int step = o->program->step[q];
        if (step >= 0) {
            node_tile *const node = stack + top++ * tiles;
            memset(node, 0, (size_t)tiles * sizeof *node);
            if (o->resume) {
                block_copy(o, k, 0, false, node);
            }
            block_lane(o, k, step, node, panel);
        } else if (step == AS_TREE_MERGE) {
            top--;
            AS_V(as_add)(tiles * MR * NR, stack[(top - 1) * tiles], stack[top * tiles], stack[(top - 1) * tiles]);
        } else {
            block_copy(o, k, parts++, true, stack + --top * tiles);
        }
    }
}

/* Many rows: columns [u, u + count) by [w, end) in blocks whose stack fits. */
static __attribute__((noinline)) void lane_by_lane(const outer *o, int64_t u, int64_t count, int64_t w, int64_t end)
{
    _Alignas(64) real panel[ROWS_CHUNK * NR];
    _Alignas(64) node_tile stack[BLOCK_TILES / sizeof(node_tile)];
    const int64_t depth = o->program->depth > 0 ? o->program->depth : 1;
    const int64_t most = BLOCK_TILES / (int64_t)sizeof(node_tile) / depth;
    const int64_t strips = (count + MR - 1) / MR, high = most / PANELS > 0 ? most / PANELS : 1;
    const int64_t blocks = (strips + high - 1) / high;
    for (int64_t q = 0; q < blocks; q++) {
        const int64_t i = count * q / blocks, part = count * (q + 1) / blocks - i, tall = (part + MR - 1) / MR;
        const int64_t wide = most / tall * NR;
        for (int64_t j = w; j < end; j += wide) {
            const block k = {u + i, part, tall, j, j + wide < end ? j + wide : end};
            block_walk(o, &k, stack, panel);
        }
    }
}

/* The thread's columns [u, u + count) by [w, end). */
static void outer_range(const outer *o, int64_t u, int64_t count, int64_t w, int64_t end)
{
    const int64_t rows = o->lane_row[o->program->lanes] - o->lane_row[0];
    const int64_t stride = o->ldu * (int64_t)sizeof(real);
    if (count <= 0 || end <= w) {
        return;
    }
    if (rows > ROWS_FEW) {
        lane_by_lane(o, u, count, w, end);
    } else if (end - w > 2 * NR && rows > 0 && (rows * stride > FITS || stride % CONFLICT == 0)) {
        tile_by_tile_packed(o, u, count, w, end);
    } else {
        tile_by_tile(o, u, count, w, end, NULL);
    }
}

void AS_V(as_outer_lanes)(int64_t k, int64_t n, const void *x, int64_t ldx, const void *d, int64_t ldd,
                          const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                          int64_t ldp, int thread, int threads)
{
    const bool swap = n < NARROW && k > n;
    const int64_t U = swap ? n : k, W = swap ? k : n;
    const outer o = {.u = swap ? d : x,
                     .w = swap ? x : d,
                     .ldu = swap ? ldd : ldx,
                     .ldw = swap ? ldx : ldd,
                     .W = W,
                     .program = program,
                     .lane_row = lane_row,
                     .resume = resume,
                     .part = part,
                     .su = swap ? 1 : ldp,
                     .sw = swap ? ldp : 1};
    int64_t first, count;
    if (W / NR > U / MR) {
        as_team_share(W, NR, thread, threads, &first, &count);
        outer_range(&o, 0, U, first, first + count);
    } else {
        as_team_share(U, 1, thread, threads, &first, &count);
        outer_range(&o, first, count, 0, W);
    }
}
