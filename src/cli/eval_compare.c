/* allsum eval --compare A B: which of two models is better on the same rows, by how much, and whether the rows can
   tell. */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/eval_inference.h"
#include "math/special.h"
#include "run/estimates.h"

enum { REPLICATES = 2000 };

/* "a" or "b" where the test of the measure is below 1 - level, else "cannot tell". */
static const char *better(const as_comparison *c, bool labels, int measure, double level)
{
    const double d = measure == 0 ? c->right[0] - c->right[1] : c->loss[0] - c->loss[1];
    const bool interval = measure == 0 && isnan(c->mcnemar.p); /* no test of its own: where the interval leaves out 0 */
    const bool told =
        interval ? c->right_low > 0 || c->right_high < 0 : (measure == 0 ? c->mcnemar.p : c->z.p) <= 1 - level;
    return !told || d == 0 || isnan(d) ? "cannot tell" : (d > 0) == (measure == 0 && labels) ? "a" : "b";
}

static void print_json(const char *const path[2], const as_comparison *c, bool labels, double level, int64_t replicates)
{
    as_text text = {0};
    as_json_open(&text, NULL, '{');
    as_json_text(&text, "a", path[0]);
    as_json_text(&text, "b", path[1]);
    as_json_int(&text, "rows", c->rows);
    as_json_real(&text, "level", level);
    as_json_int(&text, "replicates", replicates);
    static const char *const name[2][2] = {{"mae", "mse"}, {"accuracy", "nll"}};
    for (int k = 0; k < 2; k++) {
        as_json_open(&text, name[labels][k], '{');
        as_json_real(&text, "a", k == 0 ? c->right[0] : c->loss[0]);
        as_json_real(&text, "b", k == 0 ? c->right[1] : c->loss[1]);
        as_json_real(&text, "difference", k == 0 ? c->right[0] - c->right[1] : c->loss[0] - c->loss[1]);
        as_json_real(&text, "low", k == 0 ? c->right_low : c->loss_low);
        as_json_real(&text, "high", k == 0 ? c->right_high : c->loss_high);
        as_json_text(&text, "better", better(c, labels, k, level));
        as_json_close(&text, '}');
    }
    if (labels) {
        as_json_open(&text, "mcnemar", '{');
        as_json_int(&text, "only_a_right", c->only_a);
        as_json_int(&text, "only_b_right", c->only_b);
        as_json_real(&text, "p", c->mcnemar.p);
        as_json_close(&text, '}');
    }
    as_json_open(&text, "paired_z", '{');
    as_json_real(&text, "z", c->z.statistic);
    as_json_real(&text, "standard_error", c->se_difference);
    as_json_real(&text, "p", c->z.p);
    as_json_close(&text, '}');
    as_json_open(&text, "paired_bootstrap", '{');
    as_json_real(&text, "p", c->bootstrap_p);
    as_json_close(&text, '}');
    as_json_close(&text, '}');
    printf("%s\n", text.data);
    as_text_free(&text);
}

/* "A is better by accuracy: ..." or that the rows cannot tell, and how many might (80 % power at the level). */
static void print_verdict(const char *measure, double a, double b, bool more_is_better, double p, const char *test,
                          double level, double z, int64_t rows)
{
    const bool first = more_is_better ? a > b : a < b;
    if (p <= 1 - level && a != b) {
        printf("%s is better by %s: %.5g against %.5g, a difference of %.3g (%s p = %.3g).\n", first ? "A" : "B",
               measure, first ? a : b, first ? b : a, fabs(a - b), test, p);
        return;
    }
    printf("By %s these %lld rows cannot tell A from B: %.5g against %.5g", measure, (long long)rows, a, b);
    if (isnan(p)) {
        printf(" (the %s test is undefined: the difference is the same in every row).\n", test);
        return;
    }
    printf(" (%s p = %.3g).\n", test, p);
    const double need = -as_normal_inverse(0.5 * (1 - level)) - as_normal_inverse(0.2);
    if (z != 0 && fabs(z) < need) {
        double more = (double)rows * (need / z) * (need / z), unit = 1;
        while (more / unit >= 100) {
            unit *= 10;
        }
        more = ceil(more / unit) * unit; /* two digits */
        if (more < 1e9) {
            printf("  If the difference is what it seems, about %.0f rows would show it four times in five.\n", more);
        }
    }
}

/* McNemar's statistic as a normal deviate. */
static double signed_z(const as_comparison *c)
{
    const double n = (double)(c->only_a + c->only_b);
    return n > 0 ? (double)(c->only_a - c->only_b) / sqrt(n) : 0;
}

static void print_text(const char *const path[2], const as_comparison *c, bool labels, double level, int64_t replicates)
{
    const char *const measure[2] = {labels ? "accuracy" : "mae", labels ? "nll" : "mse"};
    const double d[2] = {c->right[0] - c->right[1], c->loss[0] - c->loss[1]};
    const double low[2] = {c->right_low, c->loss_low}, high[2] = {c->right_high, c->loss_high};
    printf("A %s\nB %s\n%lld rows\n\n%-12s%12s%12s%12s   %g %% interval (%lld replicates)\n", path[0], path[1],
           (long long)c->rows, "", "A", "B", "A - B", 100 * level, (long long)replicates);
    const bool losses = !isnan(d[1]);
    for (int k = 0; k < (losses ? 2 : 1); k++) {
        const double *v = k == 0 ? c->right : c->loss;
        printf("%-12s%12.5g%12.5g%12.4g", measure[k], v[0], v[1], d[k]);
        if (!isnan(low[k])) {
            printf("   %.4g to %.4g", low[k], high[k]);
        }
        printf("\n");
    }
    if (!isnan(c->mcnemar.p)) {
        printf("only A right in %lld rows, only B in %lld: McNemar's exact p = %.3g\n", (long long)c->only_a,
               (long long)c->only_b, c->mcnemar.p);
    }
    if (!losses) {
        printf("no loss to compare: one of the models gives scores, not probabilities\n\n");
        print_verdict(measure[0], c->right[0], c->right[1], true, c->mcnemar.p, "McNemar", level, signed_z(c), c->rows);
        return;
    }
    printf("%s: z = %.4g, p = %.3g; paired bootstrap p %s %.3g\n\n", measure[1], c->z.statistic, c->z.p,
           c->bootstrap_p <= 2.0 / (double)(replicates + 1) ? "<=" : "=", c->bootstrap_p);
    if (!isnan(c->mcnemar.p)) {
        print_verdict(measure[0], c->right[0], c->right[1], true, c->mcnemar.p, "McNemar", level, signed_z(c), c->rows);
    }
    print_verdict(measure[1], c->loss[0], c->loss[1], false, c->z.p, "paired z", level, c->z.statistic, c->rows);
}

static as_status compare_outcomes(const as_context *context, const as_model_file *a, const as_model_file *b,
                                  as_role role, double level, int64_t replicates)
{
    as_outcomes one = {.rows = 0}, two = {.rows = 0};
    as_comparison comparison;
    as_status status = as_outcomes_collect(a, role, &one);
    if (status == AS_OK) {
        status = as_outcomes_collect(b, role, &two);
    }
    if (status == AS_OK && as_world_rank(a->world) == 0) {
        const char *const path[2] = {a->path, b->path};
        const bool labels = one.target == AS_TARGET_LABELS, json = as_option_get(context, "json") != NULL;
        status = as_outcomes_compare(&one, &two, level, replicates, (uint64_t)a->config.seed, &comparison);
        if (status == AS_OK) {
            (json ? print_json : print_text)(path, &comparison, labels, level, replicates);
        }
    }
    status = as_world_agree(a->world, status);
    as_outcomes_free(&one);
    as_outcomes_free(&two);
    return status;
}

as_status as_eval_compare(const as_context *context, const as_model_file *model, as_role role)
{
    const char *sets[AS_OPTION_TIMES];
    const int nsets = as_option_all(context, "set", sets);
    int64_t replicates = REPLICATES;
    double level = 0.95;
    int threads = 1;
    as_isa isa;
    as_model_file other;
    AS_TRY(as_option_int(context, "bootstrap", 0, 100000, &replicates));
    AS_TRY(as_option_real(context, "level", 0.01, 0.999999, &level));
    AS_TRY(as_context_threads(context, &threads));
    AS_TRY(as_context_isa(context, &isa));
    as_status status =
        as_model_file_open(model->world, threads, isa, context->argument[1], nsets, sets, &context->log, &other);
    if (status == AS_OK) {
        status = compare_outcomes(context, model, &other, role, level, replicates);
    }
    as_model_file_close(&other);
    return status;
}
