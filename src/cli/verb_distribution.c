/* allsum distribution KIND PARAM=VALUE...: what a probability distribution says of a number, the number of a
   probability, and draws. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/verb.h"
#include "io/yaml.h"
#include "math/distribution.h"

enum { VALUES_MAX = 1024 };

/* The words PARAM=VALUE as one YAML map. */
static as_status read_parameters(const as_context *context, as_document *document, as_distribution *out)
{
    as_text text = {0};
    as_node *root = NULL;
    as_text_add(&text, "parameters: {");
    for (int i = 1; i < context->narguments; i++) {
        const char *word = context->argument[i], *equals = strchr(word, '=');
        if (equals == NULL || equals == word) {
            as_text_free(&text);
            AS_FAIL(AS_USAGE, "distribution: expected PARAM=VALUE, found '%s'", word);
        }
        as_text_add(&text, "%s%.*s: %s", i > 1 ? ", " : "", (int)(equals - word), word, equals + 1);
    }
    as_text_add(&text, "}");
    as_status status = text.failed ? as_error_set(AS_NOMEM, "out of memory for the parameters") : AS_OK;
    if (status == AS_OK) {
        status = as_yaml_parse(document, "parameters", text.data, &root);
    }
    as_text_free(&text);
    AS_TRY(status);
    status = as_distribution_parse(document, context->argument[0], as_node_get(root, "parameters"), out);
    if (status == AS_CONFIG) { /* it stands on the command line here */
        char message[1024];
        snprintf(message, sizeof message, "%s", as_error_message());
        AS_FAIL(AS_USAGE, "%s", message);
    }
    return status;
}

/* All numbers of a repeatable option, each value a comma-separated list. */
static as_status read_numbers(const as_context *context, const char *option, double min, double max,
                              double value[VALUES_MAX], int *n)
{
    const char *given[AS_OPTION_TIMES];
    const int count = as_option_all(context, option, given);
    *n = 0;
    for (int i = 0; i < count; i++) {
        for (const char *at = given[i]; at != NULL;) {
            const char *comma = strchr(at, ',');
            char word[64];
            snprintf(word, sizeof word, "%.*s", comma == NULL ? 63 : (int)(comma - at), at);
            double v = 0;
            if (!as_text_to_real(word, &v) || !(v >= min && v <= max)) {
                AS_FAIL(AS_USAGE, "--%s: expected a number%s, found '%s'", option, max == 1 ? " from 0 to 1" : "",
                        word);
            }
            if (*n == VALUES_MAX) {
                AS_FAIL(AS_USAGE, "--%s: at most %d numbers", option, VALUES_MAX);
            }
            value[(*n)++] = v;
            at = comma == NULL ? NULL : comma + 1;
        }
    }
    return AS_OK;
}

/* One line of the answer, or one object of the JSON list. */
typedef struct output {
    bool json;
    as_text text;
    const char *head; /* the line of names that is printed already */
} output;

static void put(output *out, const char *head, int n, const char *const *name, const double *value)
{
    if (out->json) {
        as_json_open(&out->text, NULL, '{');
        for (int i = 0; i < n; i++) {
            as_json_real(&out->text, name[i], value[i] + 0.0);
        }
        as_json_close(&out->text, '}');
        return;
    }
    for (int i = 0; i < n && out->head != head; i++) {
        as_text_add(&out->text, "%-*s%s", i < n - 1 ? 23 : 0, name[i], i < n - 1 ? "" : "\n");
    }
    out->head = head;
    for (int i = 0; i < n; i++) {
        char number[32];
        const char *text = isnan(value[i]) ? "undefined" : as_real_text(value[i] + 0.0, number); /* + 0: never -0 */
        as_text_add(&out->text, "%-*s%s", i < n - 1 ? 23 : 0, text, i < n - 1 ? "" : "\n");
    }
}

static void tell_values(const as_distribution *d, const double *x, int n, output *out)
{
    static const char *const names[] = {"x", "density", "log_density", "cdf", "sf", "log_cdf", "log_sf"};
    static const char *const discrete[] = {"x", "probability", "log_probability", "cdf", "sf", "log_cdf", "log_sf"};
    for (int i = 0; i < n; i++) {
        const double value[] = {x[i],
                                as_distribution_density(d, x[i]),
                                d->ops->log_density(d->options, x[i]),
                                as_distribution_cdf(d, x[i]),
                                as_distribution_sf(d, x[i]),
                                d->ops->log_cdf(d->options, x[i]),
                                d->ops->log_sf(d->options, x[i])};
        put(out, "x", 7, d->ops->discrete ? discrete : names, value);
    }
}

static as_status tell_vectors(const as_distribution *d, const double *x, int n, output *out)
{
    static const char *const names[] = {"log_density"};
    const int64_t width = d->ops->dimension(d->options);
    if (n % width != 0) {
        AS_FAIL(AS_USAGE, "--x: expected vectors of %lld numbers, found %d numbers", (long long)width, n);
    }
    for (int i = 0; i < n; i += (int)width) {
        const double value = d->ops->log_density_at(d->options, x + i);
        put(out, "vector", 1, names, &value);
    }
    return AS_OK;
}

static void tell_quantiles(const as_distribution *d, const double *p, int n, output *out)
{
    static const char *const names[] = {"p", "quantile", "inverse_sf"};
    for (int i = 0; i < n; i++) {
        const double value[] = {p[i], as_distribution_quantile(d, p[i]), as_distribution_inverse_sf(d, p[i])};
        put(out, "p", 3, names, value);
    }
}

static void tell_moments(const as_distribution *d, output *out)
{
    static const char *const names[] = {"mean", "variance", "sd", "median", "support_low", "support_high"};
    double low, high;
    d->ops->support(d->options, &low, &high);
    const double variance = d->ops->variance(d->options);
    const double value[] = {d->ops->mean(d->options),         variance, sqrt(variance),
                            as_distribution_quantile(d, 0.5), low,      high};
    put(out, "moments", 6, names, value);
}

/* Draws straight to stdout: there may be many. */
static as_status draw_all(const as_context *context, const as_distribution *d, int64_t n, int64_t seed)
{
    const int64_t width = d->ops->dimension != NULL ? d->ops->dimension(d->options) : 1;
    const bool json = as_option_get(context, "json") != NULL;
    double *x = malloc((size_t)width * sizeof *x);
    if (x == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a vector of %lld", (long long)width);
    }
    printf("%s", json ? "[" : "");
    for (int64_t i = 0; i < n; i++) {
        char number[32];
        as_draw draw = as_draw_make((uint64_t)seed, AS_RNG_DRAW, 0, (uint64_t)i);
        if (d->ops->dimension != NULL) {
            d->ops->sample_at(d->options, &draw, x);
        } else {
            x[0] = as_distribution_sample(d, &draw);
        }
        printf("%s%s", json && i > 0 ? "," : "", json && width > 1 ? "[" : "");
        for (int64_t k = 0; k < width; k++) {
            printf("%s%s", k > 0 ? json ? "," : " " : "", as_real_text(x[k], number));
        }
        printf("%s", json ? width > 1 ? "]" : "" : "\n");
    }
    printf("%s", json ? "]\n" : "");
    free(x);
    return AS_OK;
}

static as_status answer(as_context *context, const as_distribution *d)
{
    double x[VALUES_MAX], p[VALUES_MAX];
    int nx, np;
    int64_t draws = 0, seed = 1;
    AS_TRY(read_numbers(context, "x", -HUGE_VAL, HUGE_VAL, x, &nx));
    AS_TRY(read_numbers(context, "p", 0, 1, p, &np));
    AS_TRY(as_option_int(context, "sample", 1, INT64_C(1000000000), &draws));
    AS_TRY(as_option_int(context, "seed", 0, INT64_MAX, &seed));
    const bool vector = d->ops->dimension != NULL;
    if (vector && np > 0) {
        AS_FAIL(AS_USAGE, "--p: %s is a distribution of vectors and has no quantiles", d->ops->name);
    }
    if (draws > 0 && nx + np > 0) {
        AS_FAIL(AS_USAGE, "distribution: --sample stands alone, without --x and --p");
    }
    if (draws > 0) {
        return draw_all(context, d, draws, seed);
    }
    if (vector && nx == 0) {
        AS_FAIL(AS_USAGE, "distribution: %s needs --x or --sample", d->ops->name);
    }
    output out = {.json = as_option_get(context, "json") != NULL};
    as_status status = AS_OK;
    if (out.json) {
        as_json_open(&out.text, NULL, '[');
    } else {
        as_text_add(&out.text, "%s: %s\n", d->ops->name, d->ops->formula);
    }
    if (vector) {
        status = tell_vectors(d, x, nx, &out);
    } else if (nx + np == 0) {
        tell_moments(d, &out);
    } else {
        tell_values(d, x, nx, &out);
        tell_quantiles(d, p, np, &out);
    }
    if (out.json) {
        as_json_close(&out.text, ']');
    }
    if (status == AS_OK) {
        printf("%s%s", out.text.data, out.json ? "\n" : "");
    }
    as_text_free(&out.text);
    return status;
}

static as_status run(as_context *context)
{
    as_document *document = NULL;
    as_distribution distribution;
    AS_TRY(as_document_create(&document));
    as_status status = read_parameters(context, document, &distribution);
    if (status == AS_OK) {
        status = answer(context, &distribution);
    }
    as_document_destroy(&document);
    return status;
}

static const as_option options[] = {
    {.name = "x", .value = "X,...", .help = "density, distribution function and upper tail (sf) there"},
    {.name = "p", .value = "P,...", .help = "quantile, and the number whose upper tail is P"},
    {.name = "sample", .value = "N", .help = "N random numbers"},
    {.name = "seed", .value = "N", .help = "seed of --sample (default 1)"},
    {.name = "json", .help = "a JSON list instead of a table; null: infinite or undefined"},
    AS_OPTIONS_END,
};

const as_verb as_verb_distribution = {
    .name = "distribution",
    .arguments = "KIND [PARAM=VALUE...]",
    .summary = "Probabilities, quantiles and draws of a distribution",
    .details =
        "`allsum list distributions` names the kinds, `allsum explain KIND` their parameters. Without --x, --p and\n"
        "--sample: mean, variance, median and support. Tails keep their digits:\n"
        "  allsum distribution normal --x 38                    (sf 2.9e-316)\n"
        "  allsum distribution student_t df=7 --p 0.025,1e-60\n"
        "  allsum distribution multivariate_normal mean=[0,0] covariance=[1,0.5,0.5,1] --sample 3\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
