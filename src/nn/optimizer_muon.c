/* Muon (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024, in PyTorch's form). For hidden
   matrices, with G the gradient:

     B = B + (1 - momentum) (G - B),  U = G + momentum (B - G) (Nesterov), else B
     X = U / max(|U|, eps);  5 times: A = X X',  X = a X + (b A + c A A) X,  (a, b, c) = (3.4445, -4.7750, 2.0315)
     w = (1 - lr * weight_decay) w - lr * s X

   X is about the nearest matrix with orthonormal rows or columns; the iteration (Newton-Schulz) runs on the shorter
   side. s is sqrt(max(1, columns / rows)) (`original`: a weight is (in, out) here), or 0.2 sqrt(max(rows, columns))
   (`match_rms_adamw`, Liu et al., "Muon is scalable for LLM training", 2025), with which one lr serves both kinds.
   Vectors, tables that are looked up and the weights that a loss reads follow adamw, at lr * adamw_lr. Convolution
   kernels are matrices of (all other axes, channels out).

   Products are our own, with the model's precision: every element a chain over ascending k, rows divided among threads.
   Cost: steps * (4 r^2 c + 2 r^3) flops for r <= c. State: one array for hidden matrices, two for the others. */
#include <string.h>

#include "nn/adam.h"
#include "nn/squares.h"

enum { M, V, MOMENTUM, ROWS = 16 };
enum { ORIGINAL, MATCH_RMS_ADAMW };

typedef struct muon_options {
    as_adam_options adam; /* first: as_adam_step reads it */
    double momentum, eps, adamw_lr;
    int64_t steps;
    int adjust;
    bool nesterov;
} muon_options;

static const char *const adjustments[] = {"original", "match_rms_adamw", NULL};

static const as_field fields[] = {
    {.name = "momentum",
     .type = AS_FIELD_REAL,
     .offset = offsetof(muon_options, momentum),
     .standard = "0.95",
     .min = 0,
     .max = 0.9999999,
     .help = "Decay of the mean of gradients of hidden matrices."},
    {.name = "nesterov",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(muon_options, nesterov),
     .standard = "true",
     .help = "Nesterov's form of momentum."},
    {.name = "steps",
     .type = AS_FIELD_INT,
     .offset = offsetof(muon_options, steps),
     .standard = "5",
     .min = 1,
     .max = 99,
     .help = "Newton-Schulz iterations."},
    {.name = "eps",
     .type = AS_FIELD_REAL,
     .offset = offsetof(muon_options, eps),
     .standard = "1e-7",
     .min = 1e-30,
     .max = 1,
     .help = "Least norm that a direction is divided by."},
    {.name = "adjust",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(muon_options, adjust),
     .standard = "match_rms_adamw",
     .choices = adjustments,
     .help = "Size of a step: sqrt(max(1, columns / rows)), or 0.2 sqrt(max(rows, columns)), about that of adamw."},
    {.name = "adamw_lr",
     .type = AS_FIELD_REAL,
     .offset = offsetof(muon_options, adamw_lr),
     .standard = "1",
     .min = 0,
     .max = 1e6,
     .help = "Factor on the learning rate of what adamw updates: vectors, embeddings, the last weights."},
    {.name = "beta1",
     .type = AS_FIELD_REAL,
     .offset = offsetof(muon_options, adam.beta1),
     .standard = "0.9",
     .min = 0,
     .max = 0.9999999,
     .help = "Decay of the mean of gradients, of adamw."},
    {.name = "beta2",
     .type = AS_FIELD_REAL,
     .offset = offsetof(muon_options, adam.beta2),
     .standard = "0.95",
     .min = 0,
     .max = 0.9999999,
     .help = "Decay of the mean of squared gradients, of adamw."},
    {.name = "adamw_eps",
     .type = AS_FIELD_REAL,
     .offset = offsetof(muon_options, adam.eps),
     .standard = "1e-8",
     .min = 0,
     .max = 1,
     .help = "Added to the root, of adamw."},
    AS_FIELDS_END};

static int slots(const void *options, as_slot slot[AS_SLOTS_MAX])
{
    (void)options;
    const unsigned others = 1u << AS_TENSOR_VECTOR | 1u << AS_TENSOR_END;
    slot[M] = (as_slot){.name = "m", .roles = others};
    slot[V] = (as_slot){.name = "v", .roles = others};
    slot[MOMENTUM] = (as_slot){.name = "momentum", .roles = 1u << AS_TENSOR_MATRIX};
    return 3;
}

static void prepare(const as_optimizer_pass *pass)
{
    if (pass->role != AS_TENSOR_MATRIX) {
        return;
    }
    const muon_options *o = pass->options;
    const as_gradient gradient = as_gradient_of(pass);
    const real rest = (real)(1 - o->momentum), kept = o->nesterov ? (real)o->momentum : AS_R(1);
    const real *restrict g = pass->g;
    real *restrict b = pass->slot[MOMENTUM], *restrict u = pass->u;
    for (int64_t i = 0; i < pass->n; i++) {
        const real d = as_gradient_at(gradient, g[i]);
        b[i] = b[i] + rest * (d - b[i]);
        u[i] = d + kept * (b[i] - d);
    }
}

/* Places for a matrix of r <= c, in reals: X (at 0) and its successor, A and b A + c A A, and packed forms of X (both
   ways) and A. */
typedef struct room {
    int64_t r, c;
    int64_t y, a, b, forward, transposed, square, end;
} room;

static int64_t round_up(int64_t n)
{
    return (n + ROWS - 1) / ROWS * ROWS; /* cache lines */
}

/* Offsets into work. */
static room lay_out(const as_kernels *kernels, int64_t rows, int64_t columns)
{
    const int64_t r = rows < columns ? rows : columns, c = rows < columns ? columns : rows;
    const int64_t matrix = round_up(r * c), gram = round_up(r * r), packed = 2 * matrix + 2 * gram;
    const int64_t pack = round_up(kernels->pack_reals(r, c));
    return (room){.r = r,
                  .c = c,
                  .y = matrix,
                  .a = 2 * matrix,
                  .b = 2 * matrix + gram,
                  .forward = packed,
                  .transposed = packed + pack,
                  .square = packed + 2 * pack,
                  .end = packed + 2 * pack + round_up(kernels->pack_reals(r, r))};
}

static int64_t work_reals(const as_kernels *kernels, as_tensor_role role, int64_t rows, int64_t columns)
{
    return role == AS_TENSOR_MATRIX ? lay_out(kernels, rows, columns).end : 0;
}

/* Norm of the direction; all threads get it. */
static double norm_of(const as_optimizer_tensor *t)
{
    const int64_t n = t->rows * t->columns, blocks = (n + AS_BLOCK - 1) / AS_BLOCK;
    int64_t first, count;
    as_team_share(blocks, 1, t->thread, t->threads, &first, &count);
    for (int64_t b = first; b < first + count; b++) {
        const int64_t at = b * AS_BLOCK, left = n - at < AS_BLOCK ? n - at : AS_BLOCK;
        t->sums[b] = as_squares(left, (const real *)t->u + at);
    }
    as_team_barrier(t->team);
    return __builtin_sqrt(as_block_sum(t->sums, blocks));
}

/* Rows [first, first + count) of X = U / norm, transposed where U is tall. */
static void load(const as_optimizer_tensor *t, const room *m, real norm, int64_t first, int64_t count)
{
    const real *u = t->u;
    real *x = t->work;
    const int64_t row = t->rows > t->columns ? 1 : m->c, column = t->rows > t->columns ? m->r : 1;
    for (int64_t i = first; i < first + count; i++) {
        for (int64_t j = 0; j < m->c; j++) {
            x[i * m->c + j] = u[i * row + j * column] / norm;
        }
    }
}

static void store(const as_optimizer_tensor *t, const room *m, real size, int64_t first, int64_t count)
{
    real *u = t->u;
    const real *x = t->work;
    const int64_t row = t->rows > t->columns ? 1 : m->c, column = t->rows > t->columns ? m->r : 1;
    for (int64_t i = first; i < first + count; i++) {
        for (int64_t j = 0; j < m->c; j++) {
            u[i * row + j * column] = size * x[i * m->c + j];
        }
    }
}

/* One Newton-Schulz iteration on the rows of this thread. */
static void iterate(const as_optimizer_tensor *t, const room *m, int64_t first, int64_t count)
{
    const as_kernels *k = t->kernels;
    const int64_t r = m->r, c = m->c;
    real *const work = t->work, *const x = work + first * c, *const y = work + m->y + first * c;
    real *const a = work + m->a + first * r, *const b = work + m->b + first * r;
    k->pack(r, c, work, first * c, count * c, work + m->forward, work + m->transposed);
    as_team_barrier(t->team);
    k->gemm(count, r, c, x, c, work + m->transposed, NULL, false, a, r);
    k->pack(r, r, work + m->a, first * r, count * r, work + m->square, NULL);
    as_team_barrier(t->team);
    k->gemm(count, r, r, a, r, work + m->square, NULL, false, b, r);
    for (int64_t i = 0; i < count * r; i++) {
        b[i] = as_fma(AS_R(-4.7750), a[i], AS_R(2.0315) * b[i]);
    }
    k->gemm(count, c, r, b, r, work + m->forward, NULL, false, y, c);
    for (int64_t i = 0; i < count * c; i++) {
        x[i] = as_fma(AS_R(3.4445), x[i], y[i]);
    }
    as_team_barrier(t->team); /* nobody packs what others multiply by */
}

static void solve(const as_optimizer_tensor *t)
{
    if (t->role != AS_TENSOR_MATRIX) {
        return;
    }
    const muon_options *o = t->options;
    const room m = lay_out(t->kernels, t->rows, t->columns);
    int64_t first, count;
    as_team_share(m.end - m.forward, ROWS, t->thread, t->threads, &first, &count);
    memset((real *)t->work + m.forward + first, 0,
           (size_t)count * sizeof(real)); /* padding, after a tensor of another shape */
    const double norm = norm_of(t), rows = (double)t->rows, columns = (double)t->columns;
    as_team_share(m.r, ROWS, t->thread, t->threads, &first, &count);
    load(t, &m, (real)(norm > o->eps ? norm : o->eps), first, count);
    for (int64_t i = 0; i < o->steps; i++) {
        iterate(t, &m, first, count);
    }
    const double wide = columns > rows ? columns / rows : 1, most = columns > rows ? columns : rows;
    const double size = o->adjust == ORIGINAL ? __builtin_sqrt(wide) : 0.2 * __builtin_sqrt(most);
    store(t, &m, (real)(t->lr * size), first, count);
}

static void step(const as_optimizer_pass *pass)
{
    const muon_options *o = pass->options;
    if (pass->role != AS_TENSOR_MATRIX) {
        as_optimizer_pass adamw = *pass;
        adamw.lr *= o->adamw_lr;
        as_adam_step(&adamw, 0, 1 - adamw.lr * pass->weight_decay);
        return;
    }
    const real shrink = (real)(1 - pass->lr * pass->weight_decay);
    const real *restrict u = pass->u;
    real *restrict w = pass->w;
    for (int64_t i = 0; i < pass->n; i++) {
        w[i] = shrink * w[i] - u[i];
    }
}

const as_optimizer_ops AS_V(as_optimizer_muon) = {
    .name = "muon",
    .help = "Steps of hidden matrices are made orthogonal (Newton-Schulz); the others follow adamw.",
    .formula = "X = orthogonal(G + momentum (B - G)); w = (1 - lr weight_decay) w - lr s X",
    .fields = fields,
    .options_bytes = sizeof(muon_options),
    .slots = slots,
    .begin = as_adam_begin,
    .step = step,
    .scope = AS_OPTIMIZER_TENSOR,
    .prepare = prepare,
    .solve = solve,
    .work_reals = work_reals,
};
