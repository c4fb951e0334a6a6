/* Adafactor (Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost", ICML 2018, algorithms
   4 and 5, in PyTorch's form). With rho = t^beta2_decay and, for matrices, R and C the running means of squared
   gradients over rows and columns:

     R = R + rho (mean over a row of g^2 - R),  C = C + rho (mean over a column of g^2 - C),  V = R C / mean R
     V = V + rho (g^2 - V) for vectors
     u = g / sqrt(max(V, eps1^2)),  alpha = max(eps2, rms(w)) min(lr, 1 / sqrt(t))
     w = (1 - lr * weight_decay) w - alpha / max(1, rms(u) / clip) u

   More than two axes: the last are the columns, the others together the rows. R and C are doubles; sums are taken by
   blocks of 1024 elements or down the columns, in one order. Cost: 4 passes over the matrix, one square root and one
   division for an element; state of rows + columns. */
#include <float.h>

#include "kernels/real.h"
#include "kernels/scalar_math.h"
#include "nn/gradient.h"
#include "nn/squares.h"

enum { COLUMNS = 64 }; /* whose sums stay in registers or near while the rows pass by */

typedef struct adafactor_options {
    double beta2_decay, eps1, eps2, clip;
} adafactor_options;

static const as_field fields[] = {
    {.name = "beta2_decay",
     .type = AS_FIELD_REAL,
     .offset = offsetof(adafactor_options, beta2_decay),
     .standard = "-0.8",
     .min = -10,
     .max = -1e-3,
     .help = "Step t takes the share t^beta2_decay of the new squared gradient."},
    {.name = "eps1",
     .type = AS_FIELD_REAL,
     .offset = offsetof(adafactor_options, eps1),
     .standard = "0",
     .min = 0,
     .max = 1,
     .help = "Least root of a second moment; 0: the rounding unit of the precision."},
    {.name = "eps2",
     .type = AS_FIELD_REAL,
     .offset = offsetof(adafactor_options, eps2),
     .standard = "0.001",
     .min = 0,
     .max = 1e6,
     .help = "Least root mean square of a parameter that its steps are in proportion to."},
    {.name = "clip",
     .type = AS_FIELD_REAL,
     .offset = offsetof(adafactor_options, clip),
     .standard = "1",
     .min = 1e-6,
     .max = 1e6,
     .help = "Largest root mean square of an update before the learning rate."},
    AS_FIELDS_END};

static int slots(const void *options, as_slot slot[AS_SLOTS_MAX])
{
    (void)options;
    slot[0] = (as_slot){.name = "variance", .roles = 1u << AS_TENSOR_VECTOR};
    return 1;
}

static int states(as_tensor_role role, int64_t rows, int64_t columns, as_tensor_state state[AS_TENSOR_STATES])
{
    state[0] = (as_tensor_state){"row", rows};
    state[1] = (as_tensor_state){"column", columns};
    return role == AS_TENSOR_VECTOR ? 0 : 2;
}

/* c[0] = t^beta2_decay, c[1] = 1 / sqrt(t) */
static void begin(const void *options, int64_t t, double c[AS_COEFFICIENTS_MAX])
{
    const adafactor_options *o = options;
    c[0] = as_pow_f64((double)t, o->beta2_decay);
    c[1] = 1 / __builtin_sqrt((double)t);
}

static double least_root(const adafactor_options *o)
{
    return o->eps1 > 0 ? o->eps1 : sizeof(real) == sizeof(float) ? (double)FLT_EPSILON : DBL_EPSILON;
}

static void follow_squares(int64_t n, const real *restrict g, real *restrict v, real *restrict u, as_gradient gradient,
                           real share, real least)
{
    for (int64_t i = 0; i < n; i++) {
        const real d = as_gradient_at(gradient, g[i]);
        v[i] = v[i] + share * (d * d - v[i]);
        u[i] = d / as_sqrt(v[i] < least ? least : v[i]);
    }
}

static void prepare(const as_optimizer_pass *pass)
{
    const as_gradient gradient = as_gradient_of(pass);
    const real *restrict g = pass->g;
    real *restrict u = pass->u;
    if (pass->role == AS_TENSOR_VECTOR) {
        const double least = least_root(pass->options);
        follow_squares(pass->n, g, pass->slot[0], u, gradient, (real)pass->c[0], (real)(least * least));
        return;
    }
    for (int64_t i = 0; i < pass->n; i++) {
        u[i] = as_gradient_at(gradient, g[i]);
    }
}

static double row_squares(int64_t n, const real *x)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i += AS_BLOCK) {
        sum += as_squares(n - i < AS_BLOCK ? n - i : AS_BLOCK, x + i);
    }
    return sum;
}

static void follow_rows(const as_optimizer_tensor *x)
{
    int64_t first, count;
    as_team_share(x->rows, 1, x->thread, x->threads, &first, &count);
    for (int64_t i = first; i < first + count; i++) {
        const double mean = row_squares(x->columns, (const real *)x->u + i * x->columns) / (double)x->columns;
        x->state[0][i] += x->c[0] * (mean - x->state[0][i]);
    }
}

static void follow_columns(const as_optimizer_tensor *x)
{
    int64_t first, count;
    as_team_share(x->columns, COLUMNS, x->thread, x->threads, &first, &count);
    for (int64_t j = first; j < first + count; j += COLUMNS) {
        const int64_t n = first + count - j < COLUMNS ? first + count - j : COLUMNS;
        double sum[COLUMNS] = {0};
        for (int64_t i = 0; i < x->rows; i++) {
            const real *u = (const real *)x->u + i * x->columns + j;
            for (int64_t k = 0; k < n; k++) {
                sum[k] = __builtin_fma((double)u[k], (double)u[k], sum[k]);
            }
        }
        for (int64_t k = 0; k < n; k++) {
            x->state[1][j + k] += x->c[0] * (sum[k] / (double)x->rows - x->state[1][j + k]);
        }
    }
}

/* u = g / sqrt(V) of the rows of this thread. */
static void divide(const as_optimizer_tensor *x)
{
    const double eps = least_root(x->options), mean = as_block_sum(x->state[0], x->rows) / (double)x->rows;
    const double inverse = 1 / (mean < eps ? eps : mean);
    const real least = (real)(eps * eps);
    int64_t first, count;
    as_team_share(x->rows, 1, x->thread, x->threads, &first, &count);
    for (int64_t i = first; i < first + count; i++) {
        real *restrict u = (real *)x->u + i * x->columns;
        const double *restrict column = x->state[1], row = x->state[0][i] * inverse;
        for (int64_t j = 0; j < x->columns; j++) {
            const real v = (real)(row * column[j]);
            u[j] /= as_sqrt(v < least ? least : v);
        }
    }
}

/* Scales the direction by its size and the parameter's. */
static void scale(const as_optimizer_tensor *x)
{
    const adafactor_options *o = x->options;
    const int64_t n = x->rows * x->columns, blocks = (n + AS_BLOCK - 1) / AS_BLOCK;
    int64_t first, count;
    as_team_share(blocks, 1, x->thread, x->threads, &first, &count);
    for (int64_t b = first; b < first + count; b++) {
        const int64_t at = b * AS_BLOCK, left = n - at < AS_BLOCK ? n - at : AS_BLOCK;
        x->sums[b] = as_squares(left, (const real *)x->u + at);
        x->sums[blocks + b] = as_squares(left, (const real *)x->w + at);
    }
    as_team_barrier(x->team);
    const double elements = (double)n, rms_u = __builtin_sqrt(as_block_sum(x->sums, blocks) / elements);
    const double rms_w = __builtin_sqrt(as_block_sum(x->sums + blocks, blocks) / elements);
    const double rate = x->lr < x->c[1] ? x->lr : x->c[1], more = rms_u / o->clip;
    const real size = (real)((rms_w > o->eps2 ? rms_w : o->eps2) * rate / (more > 1 ? more : 1));
    real *restrict u = x->u;
    for (int64_t i = first * AS_BLOCK; i < n && i < (first + count) * AS_BLOCK; i++) {
        u[i] *= size;
    }
}

static void solve(const as_optimizer_tensor *x)
{
    if (x->role != AS_TENSOR_VECTOR) {
        follow_rows(x);
        follow_columns(x);
        as_team_barrier(x->team);
        divide(x);
        as_team_barrier(x->team);
    }
    scale(x);
}

static void step(const as_optimizer_pass *pass)
{
    const real shrink = (real)(1 - pass->lr * pass->weight_decay);
    const real *restrict u = pass->u;
    real *restrict w = pass->w;
    for (int64_t i = 0; i < pass->n; i++) {
        w[i] = shrink * w[i] - u[i];
    }
}

const as_optimizer_ops AS_V(as_optimizer_adafactor) = {
    .name = "adafactor",
    .help = "Divides by roots of second moments that are kept by row and column alone: little memory.",
    .formula = "u = g / sqrt(R C / mean R); w = (1 - lr weight_decay) w - lr max(eps2, rms(w)) / max(1, rms(u)) u",
    .fields = fields,
    .options_bytes = sizeof(adafactor_options),
    .slots = slots,
    .begin = begin,
    .step = step,
    .scope = AS_OPTIMIZER_TENSOR,
    .prepare = prepare,
    .solve = solve,
    .states = states,
};
