/* R2, root of the mean squared error and mean absolute error of K real targets. rmse and mae are over all targets of
   all samples together, and of each variable by itself; r2 is the mean over targets of 1 - sum w (t - y)^2 / sum w (t -
   mean t)^2 (a target that never varies gives 1 if it is met exactly and 0 otherwise, as scikit-learn). State: sum w,
   then for each target the sums of w e^2, w |e|, w t, w t^2 (e = y - t), each with the rounding errors of its additions
   beside it (Ogita, Rump, Oishi 2005), so that a sum over a lane is good to a unit in the last place. What is left is
   sum w t^2 - (sum w t)^2 / sum w: r2 loses about 2 log10(mean / sd) of its 16 digits for targets far from 0; a shift
   would mend that, but it would have to be known before the first sample. */
#include "kernels/math.h"
#include "nn/metric.h"

enum { WEIGHT, SQUARE, ABSOLUTE, TARGET, TARGET_SQUARE, SUMS };
enum { PAIR = 2 };        /* a sum and its error */
enum { NAMED_MOST = 16 }; /* targets without names that are told apart */

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

/* Over targets [from, to). */
static double mean(int64_t from, int64_t to, const double *state, int which)
{
    double sum = 0.0;
    for (int64_t j = from; j < to; j++) {
        sum += total(state, j, which);
    }
    return sum / (total(state, 0, WEIGHT) * (double)(to - from));
}

static double r2(int64_t from, int64_t to, const double *state)
{
    double sum = 0.0;
    for (int64_t j = from; j < to; j++) {
        const double t = total(state, j, TARGET), square = total(state, j, SQUARE);
        const double spread = total(state, j, TARGET_SQUARE) - t * (t / total(state, 0, WEIGHT));
        sum += spread > 0 ? 1.0 - square / spread : square > 0 ? 0.0 : 1.0;
    }
    return sum / (double)(to - from);
}

/* One variable by itself. */
static void finish_part(const char *name, int64_t from, int64_t to, const double *state, struct as_text *text)
{
    as_json_open(text, name, '{');
    as_json_real(text, "rmse", __builtin_sqrt(mean(from, to, state, SQUARE)));
    as_json_real(text, "mae", mean(from, to, state, ABSOLUTE));
    as_json_real(text, "r2", r2(from, to, state));
    as_json_close(text, '}');
}

/* The variables that the data name, else each of a few targets by its number. */
static void finish_parts(const as_metric_facts *facts, const double *state, struct as_text *text)
{
    const as_data_parts *parts = facts->answers;
    const int64_t first = facts->column, end = first + facts->targets;
    char key[AS_METRIC_KEY];
    if (facts->targets < 2 || (parts != NULL ? parts->n == 1 : facts->targets > NAMED_MOST)) {
        return;
    }
    as_json_open(text, as_metric_key(facts, "targets", key), '{');
    for (int i = 0; parts != NULL && i < parts->n; i++) {
        const as_data_part *part = &parts->part[i];
        const int64_t size = as_shape_size(&part->shape);
        const int64_t from = part->first > first ? part->first : first;
        const int64_t to = part->first + size < end ? part->first + size : end;
        if (from < to) {
            finish_part(part->name, from - first, to - first, state, text);
        }
    }
    for (int64_t j = 0; parts == NULL && j < facts->targets; j++) {
        const char number[3] = {(char)(j > 9 ? '1' : '0' + j), j > 9 ? (char)('0' + j - 10) : '\0', '\0'};
        finish_part(number, j, j + 1, state, text);
    }
    as_json_close(text, '}');
}

static void finish(const as_metric_facts *facts, const double *state, struct as_text *text)
{
    const int64_t targets = facts->targets;
    char key[AS_METRIC_KEY];
    as_json_real(text, as_metric_key(facts, "rmse", key), __builtin_sqrt(mean(0, targets, state, SQUARE)));
    as_json_real(text, as_metric_key(facts, "mae", key), mean(0, targets, state, ABSOLUTE));
    as_json_real(text, as_metric_key(facts, "r2", key), r2(0, targets, state));
    finish_parts(facts, state, text);
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
