/* The tiles of a convolution's weight gradient (v_conv_weight.c): what each sums. The loops over the pixels are in
   conv_weigh_tile.h, those of several kernel lines in conv_weigh_lines.h. */
#ifndef AS_KERNELS_CONV_WEIGH_H
#define AS_KERNELS_CONV_WEIGH_H

#include "kernels/conv_taps.h"
#include "kernels/tile.h"

typedef struct weigh {
    const as_conv *c;
    const real *x, *d;
    int64_t ldx, ldd;
    const as_tree_program *program;
    const int64_t *lane_row;
    bool resume;
    void *const *part, *const *bias;
    bool depthwise, merged, paired; /* merged: a run holds all kw; paired: tiles have two kw */
    int64_t rows, runs;             /* rows of a run; runs of a group, for paired of every kw pair */
    int lines;                      /* kernel lines that a tile may have; more than 1: merged, over two axes */
    bool copied;                    /* d is always packed */
    int64_t wide;                   /* columns of a panel: NR, or QUAD vectors */
    int64_t cg, ng;                 /* channels of a group; depthwise: 1 and all */
    int64_t strips, panels, groups;
    int64_t panel_tiles; /* tiles of a panel, that of the bias among them */
} weigh;

/* Many registers: tiles of fewer rows and QUAD vectors of a row load less for each multiply-add (see outer_tile.h). 0:
   there are no such tiles. */
#if defined(AS_ISA_AVX512)
enum { QUAD = 4, QUAD_R = 6 };
#define EACH_QUAD(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
enum { QUAD = 0, QUAD_R = 0 };
#endif

/* What one tile sums. Offsets are in reals from the first of a sample. */
typedef struct tile_plan {
    int rows;  /* of a kernel line */
    int lines; /* kernel lines, from kh on */
    int64_t kh;
    int64_t run; /* -1: the tile is one row of the bias */
    int64_t cols, width;
    as_reach reach[AS_AXES];    /* outputs of depth and height; of width: those that all rows read */
    int64_t first, end;         /* outputs of the width that any row reads */
    int64_t row;                /* of the tile's first row in its run */
    int64_t x, x_step[AS_AXES]; /* first row's input at output 0, and between outputs */
    int64_t x_row;              /* depthwise: between rows */
    int64_t d;                  /* first column of d, and of the part */
    bool packed;                /* d is read from a panel, not in place */
    int64_t d_step;             /* between outputs there */
    bool pair;                  /* the tile's second vector is the next kernel position */
    int64_t weight;             /* first element in a part */
} tile_plan;

typedef real node_tile[MR * NR];

/* Some outputs of a sample: lines (depth, height) in row-major order, each from w on. */
typedef struct chunk {
    int64_t first, end, w, w_end;
} chunk;

/* Outputs of the width that row r of a run reads, whose first kernel position is kw. */
static as_reach row_reach(const weigh *o, int64_t kw, int64_t r)
{
    return as_reach_of(o->c, 2, o->depthwise ? r : o->merged ? r / o->cg : kw);
}

/* Whether the tile reads d in place: no columns are beyond it, and its vectors do not collide in the L1. */
static bool in_place(const weigh *o, const tile_plan *t)
{
    return !o->copied && t->cols >= t->width && o->c->cout <= 2 * NR;
}

/* Tile number `index`: panel by panel; in a panel run by run, then the bias. */
static tile_plan plan_tile(const weigh *o, int64_t index)
{
    const as_conv *const c = o->c;
    const int64_t panel = index / o->panel_tiles, inside = index % o->panel_tiles;
    const int64_t strip = inside % o->strips, run = inside / o->strips;
    const int64_t g = panel / o->panels, j = panel % o->panels * o->wide;
    const int64_t line = c->in[2] * c->cin, sheet = c->in[1] * line;
    const int64_t line_runs = o->lines > 1 ? 1 : o->runs / (c->kernel[0] * c->kernel[1]),
                  kw = run % line_runs * (o->paired ? 2 : 1);
    int64_t kh = run / line_runs % c->kernel[1], kd = run / line_runs / c->kernel[1];
    tile_plan t = {.lines = 1,
                   .cols = o->ng - j,
                   .width = o->wide > NR ? o->wide : panel_width(o->ng, j),
                   .pair = o->paired && kw + 1 < c->kernel[2]};
    if (o->lines > 1) {
        kd = 0;
        t.lines = strip_rows(c->kernel[1], o->runs, run, &kh);
    }
    t.kh = kh;
    t.d = g * o->ng + j;
    t.packed = !in_place(o, &t);
    t.d_step = t.packed ? t.width : c->cout;
    if (inside == o->panel_tiles - 1 && o->bias != NULL) {
        t.run = -1;
        t.rows = t.lines = 1;
        t.pair = false;
        t.weight = t.d;
        return t;
    }
    t.rows = strip_rows(o->rows, o->strips, strip, &t.row);
    const as_reach a = row_reach(o, kw, t.row), b = row_reach(o, kw, t.row + t.rows - 1);
    t.reach[0] = as_reach_of(c, 0, kd);
    t.reach[1] = as_reach_of(c, 1, kh);
    t.reach[2] = (as_reach){a.first, b.end};
    t.first = b.first;
    t.end = a.end;
    const bool apart = o->merged || o->depthwise; /* rows of several kernel positions: steps choose among them */
    if (!apart && a.first == a.end) {             /* beside the input for every output */
        t.reach[2] = (as_reach){0, 0};
        t.first = t.end = 0;
    } else if (apart &&
               (a.first == a.end || b.first == b.end || b.end <= a.first)) { /* a kernel wider than the input */
        t.reach[2] = (as_reach){c->out[2], c->out[2]};
        t.first = 0;
        t.end = c->out[2];
    }
    t.x = (kd * c->dilation[0] - c->low[0]) * sheet + (kh * c->dilation[1] - c->low[1]) * line +
          (kw * c->dilation[2] - c->low[2]) * c->cin + g * o->cg +
          (o->depthwise ? t.row * c->dilation[2] * c->cin + j : t.row);
    t.x_step[0] = c->stride[0] * sheet;
    t.x_step[1] = c->stride[1] * line;
    t.x_step[2] = c->stride[2] * c->cin;
    t.x_row = c->dilation[2] * c->cin;
    t.weight = (((kd * c->kernel[1] + kh) * c->kernel[2] + kw) * o->cg + t.row) * c->cout + t.d;
    if (t.pair) {
        /* Output w of the first position goes with output w - 1 of the second. */
        const as_reach next = row_reach(o, kw + 1, 0);
        t.reach[2] = a;
        t.first = next.first;
        t.end = next.end;
    }
    return t;
}

#endif
