/* R2, root of the mean squared error and mean absolute error of K real targets. rmse and mae are over all targets of
   all samples together; r2 is the mean over targets of 1 - sum w (t - y)^2 / sum w (t - mean t)^2 (a target that never
   varies gives 1 if it is met exactly and 0 otherwise, as scikit-learn). State: sum w, then for each target the sums of
   w e^2, w |e|, w t, w t^2 (e = y - t), each with the rounding errors of its additions beside it (Ogita, Rump, Oishi
   2005), so that a sum over a lane is good to a unit in the last place. What is left is sum w t^2 - (sum w t)^2 / sum
   w: r2 loses about 2 log10(mean / sd) of its 16 digits for targets far from 0; a shift would mend that, but it would
   have to be known before the first sample. */
#include "kernels/math.h"
#include "nn/metric.h"

enum { WEIGHT, SQUARE, ABSOLUTE, TARGET, TARGET_SQUARE, SUMS };
enum { PAIR = 2 }; /* a sum and its error */

static int64_t size(int64_t outputs, int64_t classes, int64_t targets)
{
    (void)outputs;
    (void)classes;
    return PAIR * (1 + targets * (SUMS - 1));
}

/* sum += a b. */
static void add_product(double sum[PAIR], double a, double b)
{
    const double product = a * b, s = sum[0] + product, c = s - sum[0];
    sum[1] += ((sum[0] - (s - c)) + (product - c)) + __builtin_fma(a, b, -product);
    sum[0] = s;
}

static double *sums(double *state, int64_t j, int which)
{
    return state + PAIR * (which == WEIGHT ? 0 : 1 + j * (SUMS - 1) + which - 1);
}

static double total(const double *state, int64_t j, int which)
{
    const double *sum = state + PAIR * (which == WEIGHT ? 0 : 1 + j * (SUMS - 1) + which - 1);
    return sum[0] + sum[1];
}

/* The model's estimate of a target, as the loss reads its outputs. */
static double estimate(const as_metric_pass *pass, real z)
{
    if (strcmp(pass->loss, "poisson") == 0) {
        return (double)as_exp(z);
    }
    return strcmp(pass->loss, "bce") == 0 ? (double)as_sigmoid(z) : (double)z;
}

static void rows(const as_metric_pass *pass, int64_t classes, double *state)
{
    (void)classes;
    for (int64_t i = 0; i < pass->rows; i++) {
        const real *z = (const real *)pass->z + i * pass->ldz;
        const double weight = pass->weight[i];
        add_product(sums(state, 0, WEIGHT), weight, 1.0);
        for (int64_t j = 0; j < pass->targets; j++) {
            const double t = pass->target[i * pass->targets + j], error = estimate(pass, z[j]) - t;
            add_product(sums(state, j, SQUARE), weight * error, error);
            add_product(sums(state, j, ABSOLUTE), weight, error < 0 ? -error : error);
            add_product(sums(state, j, TARGET), weight, t);
            add_product(sums(state, j, TARGET_SQUARE), weight * t, t);
        }
    }
}

static double mean(int64_t targets, const double *state, int which)
{
    double sum = 0.0;
    for (int64_t j = 0; j < targets; j++) {
        sum += total(state, j, which);
    }
    return sum / (total(state, 0, WEIGHT) * (double)targets);
}

static double r2(int64_t targets, const double *state)
{
    double sum = 0.0;
    for (int64_t j = 0; j < targets; j++) {
        const double t = total(state, j, TARGET), square = total(state, j, SQUARE);
        const double spread = total(state, j, TARGET_SQUARE) - t * (t / total(state, 0, WEIGHT));
        sum += spread > 0 ? 1.0 - square / spread : square > 0 ? 0.0 : 1.0;
    }
    return sum / (double)targets;
}

static void finish(const as_metric_facts *facts, const double *state, struct as_text *text)
{
    const int64_t targets = facts->targets;
    as_json_real(text, "rmse", __builtin_sqrt(mean(targets, state, SQUARE)));
    as_json_real(text, "mae", mean(targets, state, ABSOLUTE));
    as_json_real(text, "r2", r2(targets, state));
}

const as_metric_ops AS_V(as_metric_regression) = {
    .name = "regression",
    .help = "Root of the mean squared error, mean absolute error and R2 of real targets.",
    .formula = "rmse = sqrt(mean e^2), mae = mean |e|, r2 = 1 - sum e^2 / sum (t - mean t)^2",
    .target = AS_TARGET_REALS,
    .size = size,
    .rows = rows,
    .finish = finish,
};
