/* The report about one point: each part measures and writes itself. */
#include "probe/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "probe/curvature.h"
#include "probe/lanes.h"
#include "probe/spectra.h"

const char *const as_report_names[AS_REPORT_KINDS + 1] = {"curvature", "trace",   "spectrum", "noise", "saddle",
                                                          "batches",   "weights", "line",     NULL};

enum { BINS = 12, BAR = 40 };

typedef struct reporter {
    const as_probe_setup *setup;
    const as_report_options *o;
    as_surface *surface;
    double *w;         /* (n) the point */
    as_curvature bend; /* where it was measured */
    bool bent;
    as_text *out;
} reporter;

/* A part that failed for what it looked at, not for the job: says so. */
static as_status say_why(reporter *r, const char *part, as_status status)
{
    if (status != AS_DIVERGED && status != AS_USAGE && status != AS_CONFIG) {
        return status;
    }
    if (r->o->json) {
        as_json_open(r->out, part, '{');
        as_json_text(r->out, "state", as_error_message());
        as_json_close(r->out, '}');
    } else {
        as_text_add(r->out, "\n%s: not measured: %s\n", part, as_error_message());
    }
    return AS_OK;
}

static as_status bend(reporter *r)
{
    if (r->bent) {
        return AS_OK;
    }
    AS_TRY(as_surface_move(r->surface, r->w));
    AS_TRY(as_curvature_measure(r->surface, r->o->products, r->o->step, r->setup->seed, true, &r->bend));
    r->bent = true;
    return AS_OK;
}

static void write_limit(reporter *r)
{
    const as_curvature *c = &r->bend;
    if (isnan(c->factor)) {
        as_text_add(r->out, "  stable rate      not known for %s%s\n", c->optimizer,
                    r->o->step == 0 ? " before its first step" : "");
        return;
    }
    if (c->sharpness != c->lambda_max) {
        as_text_add(r->out, "  sharpness        %.6g +- %.1g, of the Hessian as %s scales it\n", c->sharpness,
                    c->sharpness_error, c->optimizer);
    }
    if (isinf(c->lr_limit)) {
        as_text_add(r->out, "  stable rate      any: nothing curves upwards\n");
        return;
    }
    as_text_add(r->out, "  stable rate      below %.4g = %.4g / %s (%s)\n", c->lr_limit, c->factor,
                c->sharpness != c->lambda_max ? "sharpness" : "lambda_max", c->optimizer);
    as_text_add(r->out, "  next step        rate %.4g, %.3g of the limit%s\n", r->o->lr, r->o->lr / c->lr_limit,
                r->o->lr > c->lr_limit ? ": a quadratic would diverge; a net may hover" : "");
}

static as_status part_curvature(reporter *r)
{
    double largest = (double)NAN, error = (double)NAN;
    AS_TRY(bend(r));
    const as_curvature *c = &r->bend;
    if (as_surface_model(r->surface)->nheads == 1) {
        AS_TRY(as_curvature_gauss_newton(r->surface, r->o->products, r->setup->seed, &largest, &error));
    }
    if (r->o->json) {
        as_json_open(r->out, "curvature", '{');
        as_json_real(r->out, "lambda_max", c->lambda_max);
        as_json_real(r->out, "lambda_max_error", c->lambda_max_error);
        as_json_real(r->out, "lambda_min", c->lambda_min);
        as_json_real(r->out, "lambda_min_error", c->lambda_min_error);
        as_json_real(r->out, "gauss_newton", largest);
        as_json_real(r->out, "gauss_newton_error", error);
        as_json_int(r->out, "products", c->products);
        as_json_text(r->out, "optimizer", c->optimizer);
        as_json_real(r->out, "factor", c->factor);
        as_json_real(r->out, "sharpness", c->sharpness);
        as_json_real(r->out, "sharpness_error", c->sharpness_error);
        as_json_real(r->out, "lr_limit", c->lr_limit);
        as_json_real(r->out, "lr", r->o->lr);
        as_json_real(r->out, "lr_ratio", r->o->lr / c->lr_limit);
        as_json_close(r->out, '}');
        return AS_OK;
    }
    as_text_add(r->out, "\ncurvature (Lanczos, %lld products)\n", (long long)c->products);
    as_text_add(r->out, "  lambda_max       %.6g +- %.1g\n  lambda_min       %.6g +- %.1g\n", c->lambda_max,
                c->lambda_max_error, c->lambda_min, c->lambda_min_error);
    if (!isnan(largest)) {
        as_text_add(r->out, "  Gauss-Newton     %.6g +- %.1g, lambda_max without the network's own bends\n", largest,
                    error);
    }
    write_limit(r);
    return AS_OK;
}

static as_status part_trace(reporter *r)
{
    double trace, se;
    AS_TRY(as_surface_move(r->surface, r->w));
    AS_TRY(as_curvature_trace(r->surface, r->o->probes, r->setup->seed, &trace, &se));
    const double n = (double)as_surface_trained(r->surface);
    if (r->o->json) {
        as_json_open(r->out, "trace", '{');
        as_json_real(r->out, "trace", trace);
        as_json_real(r->out, "se", se);
        as_json_real(r->out, "mean", trace / n);
        as_json_close(r->out, '}');
    } else {
        as_text_add(r->out, "\ntrace of the Hessian (Hutchinson, %lld directions)\n", (long long)r->o->probes);
        as_text_add(r->out, "  %.5g +- %.2g; mean eigenvalue %.3g\n", trace, se, trace / n);
    }
    return AS_OK;
}

static void write_bins(reporter *r, const as_spectrum *s)
{
    const double low = s->value[0], high = s->value[s->nodes - 1], width = (high - low) / BINS;
    for (int b = 0; b < BINS && width > 0; b++) {
        const double from = low + b * width, to = b + 1 == BINS ? (double)INFINITY : low + (b + 1) * width;
        const double share = as_spectrum_share(s, from, to);
        as_text_add(r->out, "  %10.3g .. %-10.3g %7.2f %% ", from, low + (b + 1) * width, 100 * share);
        for (int i = 0; i < (int)(share * BAR + 0.5); i++) {
            as_text_add(r->out, "#");
        }
        as_text_add(r->out, "\n");
    }
}

static void write_spectrum(reporter *r, const as_spectrum *s)
{
    if (!r->o->json) {
        as_text_add(r->out, "\nspectrum of %lld eigenvalues (Lanczos quadrature, %lld x %lld products)\n",
                    (long long)s->n, (long long)r->o->probes, (long long)r->o->products);
        write_bins(r, s);
        as_text_add(r->out, "  mean %.4g +- %.1g, mean square %.4g +- %.1g; below zero %.2f %%\n", s->moment[0],
                    s->moment_se[0], s->moment[1], s->moment_se[1],
                    100 * as_spectrum_share(s, -(double)INFINITY, -1e-6 * fabs(s->value[s->nodes - 1])));
        return;
    }
    as_json_open(r->out, "spectrum", '{');
    as_json_int(r->out, "eigenvalues", s->n);
    as_json_real(r->out, "mean", s->moment[0]);
    as_json_real(r->out, "mean_se", s->moment_se[0]);
    as_json_real(r->out, "mean_square", s->moment[1]);
    as_json_real(r->out, "mean_square_se", s->moment_se[1]);
    as_json_open(r->out, "value", '[');
    for (int i = 0; i < s->nodes; i++) {
        as_json_real(r->out, NULL, s->value[i]);
    }
    as_json_close(r->out, ']');
    as_json_open(r->out, "weight", '[');
    for (int i = 0; i < s->nodes; i++) {
        as_json_real(r->out, NULL, s->weight[i]);
    }
    as_json_close(r->out, ']');
    as_json_close(r->out, '}');
}

static as_status part_spectrum(reporter *r)
{
    as_spectrum s = {0};
    AS_TRY(as_surface_move(r->surface, r->w));
    const as_status status = as_curvature_spectrum(r->surface, r->o->probes, r->o->products, r->setup->seed, &s);
    if (status == AS_OK) {
        write_spectrum(r, &s);
    }
    as_spectrum_free(&s);
    return status;
}

static double square_of(reporter *r, int layer)
{
    const as_model *model = as_surface_model(r->surface);
    const double *g = as_surface_slope(r->surface);
    double sum = 0;
    for (int q = 0; q < model->layer[layer].nparams; q++) {
        const as_param *p = &model->layer[layer].param[q];
        for (int64_t i = p->offset; as_gradients_trains(model, layer, q) && i < p->offset + p->count; i++) {
            sum += g[i] * g[i];
        }
    }
    return sum;
}

static void write_noise(reporter *r, const char *name, const as_lane_noise *n, double gg)
{
    const double scale = n->gradient > 0 ? n->trace / n->gradient : (double)NAN;
    if (r->o->json) {
        as_json_open(r->out, NULL, '{');
        as_json_text(r->out, "name", name);
        as_json_real(r->out, "grad_norm", sqrt(gg));
        as_json_real(r->out, "trace", n->trace);
        as_json_real(r->out, "trace_se", n->trace_se);
        as_json_real(r->out, "gradient", n->gradient);
        as_json_real(r->out, "gradient_se", n->gradient_se);
        as_json_real(r->out, "noise_scale", scale);
        as_json_close(r->out, '}');
        return;
    }
    char error[16] = "unknown"; /* of fewer than three lanes */
    if (isfinite(n->trace_se)) {
        snprintf(error, sizeof error, "%.2g", n->trace_se);
    }
    as_text_add(r->out, "  %-22.22s %10.3g %10.3g +- %-8s", name, sqrt(gg), n->trace, error);
    if (n->gradient > 0) {
        as_text_add(r->out, " %10.4g\n", scale);
    } else {
        as_text_add(r->out, " %s\n", gg > 0 ? "below the noise" : "no gradient");
    }
}

static as_status part_noise(reporter *r)
{
    as_gradients_spread_result s;
    double trace, square, total = 0;
    AS_TRY(as_surface_move(r->surface, r->w));
    AS_TRY(as_surface_noise(r->surface, &trace, &square));
    AS_TRY(as_gradients_spread(as_surface_gradients(r->surface), &s));
    if (isnan(trace)) {
        AS_FAIL(AS_USAGE, "one lane with samples: no lanes to compare");
    }
    const as_model *model = as_surface_model(r->surface);
    if (r->o->json) {
        as_json_open(r->out, "noise", '[');
    } else {
        as_text_add(r->out, "\nnoise of gradients, from %d lanes\n", s.lanes);
        as_text_add(r->out, "  %-22s %10s %10s    %-8s %10s\n", "layer", "|g|", "trace", "error", "scale");
    }
    for (int i = 0; i <= model->nlayers; i++) {
        const bool last = i == model->nlayers;
        if (!last && !as_probe_trains(model, i)) {
            continue;
        }
        const double gg = last ? total : square_of(r, i);
        total += last ? 0 : gg;
        const int64_t at = (int64_t)i * s.lanes;
        const as_lane_noise n = as_lane_noise_of(s.lanes, s.weight, s.between + at, s.along + at, gg);
        write_noise(r, last ? "total" : model->layer[i].name, &n, gg);
    }
    if (r->o->json) {
        as_json_close(r->out, ']');
    } else {
        as_text_add(r->out, "  scale = trace / |G|^2: batches above it save few steps, below it few samples\n");
    }
    return AS_OK;
}

static as_status part_saddle(reporter *r)
{
    as_saddle s;
    AS_TRY(bend(r));
    AS_TRY(as_surface_move(r->surface, r->w));
    AS_TRY(as_curvature_saddle(r->surface, &r->bend, &s));
    const char *verdict = !isfinite(s.slope_share) ? "not known: one lane, no noise to compare the slope with"
                          : !s.flat                ? "a slope, neither minimum nor saddle"
                          : s.confirmed            ? "a saddle: the loss falls along the direction of lambda_min"
                          : s.curves_down          ? "lambda_min is below zero, but the walk finds nothing lower"
                                                   : "no saddle: nothing curves down";
    if (r->o->json) {
        as_json_open(r->out, "saddle", '{');
        as_json_text(r->out, "verdict", verdict);
        as_json_bool(r->out, "saddle", s.flat && s.confirmed);
        as_json_real(r->out, "slope_share", s.slope_share);
        as_json_real(r->out, "loss", s.loss);
        as_json_real(r->out, "after", s.after);
        as_json_real(r->out, "distance", s.distance);
        as_json_close(r->out, '}');
        return AS_OK;
    }
    as_text_add(r->out, "\nsaddle test\n  %s\n", verdict);
    as_text_add(r->out, "  |g|^2 is %.3g of a sample's (flat below 0.01)\n", s.slope_share);
    if (s.curves_down) {
        as_text_add(r->out, "  walk of %.3g along lambda_min: loss %.6g, was %.6g\n", s.distance, s.after, s.loss);
    }
    return AS_OK;
}

static as_status part_batches(reporter *r)
{
    as_surface *surface = NULL;
    double mean = (double)NAN, se = (double)NAN;
    int64_t counted = 0;
    AS_TRY(as_surface_create(r->setup, r->o->batch, false, &surface));
    const as_status status = as_curvature_batches(surface, r->w, r->o->batches, &mean, &se, &counted);
    const int64_t rows = as_surface_rows(surface);
    as_surface_destroy(&surface);
    AS_TRY(status);
    if (r->o->json) {
        as_json_open(r->out, "batches", '{');
        as_json_int(r->out, "batch", rows);
        as_json_int(r->out, "batches", counted);
        as_json_real(r->out, "sharpness", mean);
        as_json_real(r->out, "se", se);
        as_json_close(r->out, '}');
    } else if (counted == 0) {
        as_text_add(r->out, "\nbatch sharpness\n  no batch has a gradient\n");
    } else {
        as_text_add(r->out, "\nbatch sharpness g'Hg / |g|^2 (%lld batches of %lld)\n  %.5g", (long long)counted,
                    (long long)rows, mean);
        as_text_add(r->out, counted > 1 ? " +- %.2g\n" : "\n", se);
    }
    return AS_OK;
}

static void write_matrix(reporter *r, const as_weight_spectrum *s)
{
    char shape[48], name[2 * AS_NAME_MAX];
    snprintf(name, sizeof name, "%s/%s", s->layer, s->param);
    snprintf(shape, sizeof shape, "%lldx%lld", (long long)s->rows, (long long)s->columns);
    if (!r->o->json && s->skipped) {
        as_text_add(r->out, "  %-24.24s %11s  above order %d: norm %.4g alone\n", name, shape, AS_SPECTRA_ORDER,
                    s->frobenius);
    } else if (!r->o->json) {
        as_text_add(r->out, "  %-24.24s %11s %9.4g %9.3g %8.1f %10.3g\n", name, shape, s->largest, s->smallest,
                    s->stable_rank, s->condition);
    } else {
        as_json_open(r->out, NULL, '{');
        as_json_text(r->out, "name", name);
        as_json_int(r->out, "rows", s->rows);
        as_json_int(r->out, "columns", s->columns);
        as_json_real(r->out, "frobenius", s->frobenius);
        as_json_bool(r->out, "skipped", s->skipped);
        as_json_real(r->out, "largest", s->largest);
        as_json_real(r->out, "smallest", s->smallest);
        as_json_real(r->out, "stable_rank", s->stable_rank);
        as_json_real(r->out, "condition", s->condition);
        as_json_int(r->out, "rank", s->rank);
        as_json_open(r->out, "values", '[');
        for (int64_t i = 0; s->value != NULL && i < s->count; i++) {
            as_json_real(r->out, NULL, s->value[i]);
        }
        as_json_close(r->out, ']');
        as_json_close(r->out, '}');
    }
}

static as_status part_weights(reporter *r)
{
    as_weight_spectra s = {0};
    const as_status status = as_weight_spectra_make(as_surface_model(r->surface), r->w, r->o->eps, &s);
    if (status == AS_OK && r->o->json) {
        as_json_open(r->out, "weights", '[');
    } else if (status == AS_OK) {
        as_text_add(r->out, "\nweights\n  %-24s %11s %9s %9s %8s %10s\n", "matrix", "shape", "largest", "smallest",
                    "stable", "condition");
        as_text_add(r->out, "  %-24s %11s %9s %9s %8s\n", "", "", "singular", "singular", "rank");
    }
    for (int i = 0; status == AS_OK && i < s.n; i++) {
        write_matrix(r, &s.item[i]);
    }
    if (status == AS_OK && r->o->json) {
        as_json_close(r->out, ']');
    }
    as_weight_spectra_free(&s);
    return status;
}

static void write_landscape(reporter *r, const as_landscape *l)
{
    const int rows = l->plane ? l->points : 1;
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (int i = 0; i < rows * l->points; i++) {
        low = l->loss[i] < low ? l->loss[i] : low;
        high = isfinite(l->loss[i]) && l->loss[i] > high ? l->loss[i] : high;
    }
    for (int i = 0; !l->plane && i < l->points; i++) {
        const double share = high > low ? (l->loss[i] - low) / (high - low) : 0;
        as_text_add(r->out, "  %6.3f %12.6g ", l->low + (l->high - l->low) * i / (l->points - 1), l->loss[i]);
        for (int k = 0; isfinite(share) && k < (int)(share * BAR + 0.5); k++) {
            as_text_add(r->out, "#");
        }
        as_text_add(r->out, "\n");
    }
    static const char shade[] = " .:-=+*#%@";
    for (int row = rows - 1; l->plane && row >= 0; row--) {
        as_text_add(r->out, "  %6.2f ", l->low + (l->high - l->low) * row / (l->points - 1));
        for (int i = 0; i < l->points; i++) {
            const double x = l->loss[row * l->points + i], share = high > low ? (x - low) / (high - low) : 0;
            const char c = isfinite(x) ? shade[(int)(share * 9.999)] : '!';
            as_text_add(r->out, "%c%c", c, c);
        }
        as_text_add(r->out, "\n");
    }
    if (l->plane) {
        as_text_add(r->out, "  from %.4g (blank) to %.4g (@); across: towards the second point\n", low, high);
    }
}

static void write_line_json(reporter *r, const as_landscape *l)
{
    as_json_open(r->out, "line", '{');
    as_json_bool(r->out, "plane", l->plane);
    as_json_real(r->out, "low", l->low);
    as_json_real(r->out, "high", l->high);
    as_json_int(r->out, "points", l->points);
    as_json_real(r->out, "distance", l->ab);
    as_json_real(r->out, "loss_here", l->end[0]);
    as_json_real(r->out, "loss_there", l->end[1]);
    as_json_real(r->out, "barrier", l->plane ? (double)NAN : l->barrier);
    as_json_open(r->out, "loss", '[');
    for (int i = 0; i < l->points * (l->plane ? l->points : 1); i++) {
        as_json_real(r->out, NULL, l->loss[i]);
    }
    as_json_close(r->out, ']');
    as_json_close(r->out, '}');
}

static as_status part_line(reporter *r)
{
    as_landscape l = {0};
    if (r->o->to == NULL) {
        AS_FAIL(AS_USAGE, "a line wants a second checkpoint (--to FILE)");
    }
    const as_status status = as_landscape_make(r->surface, r->w, r->o->to, r->o->beside, r->o->points, -0.5, 1.5, &l);
    if (status == AS_OK && r->o->json) {
        write_line_json(r, &l);
    } else if (status == AS_OK) {
        as_text_add(r->out, "\nloss on the %s\n  0 is this point (%.6g), 1 the other (%.6g)\n",
                    l.plane ? "plane through three points" : "line through two points", l.end[0], l.end[1]);
        write_landscape(r, &l);
        if (!l.plane) {
            as_text_add(r->out, "  distance %.4g; %s%.3g\n", l.ab,
                        l.barrier > 0 ? "a barrier between them of " : "no barrier between them: ", l.barrier);
        }
    }
    as_landscape_free(&l);
    return status;
}

static as_status write_all(reporter *r)
{
    static as_status (*const part[AS_REPORT_KINDS])(reporter * r) = {
        part_curvature, part_trace, part_spectrum, part_noise, part_saddle, part_batches, part_weights, part_line};
    const int64_t n = as_surface_count(r->surface), rows = as_surface_rows(r->surface);
    r->w = calloc((size_t)n + 1, sizeof *r->w);
    AS_TRY(
        as_world_agree(r->setup->world, r->w == NULL ? as_error_set(AS_NOMEM, "out of memory for a report") : AS_OK));
    as_gradients_params(as_surface_gradients(r->surface), r->w);
    const as_status here = as_surface_move(r->surface, r->w);
    if (here != AS_OK && here != AS_DIVERGED) {
        return here;
    }
    if (here == AS_DIVERGED && !r->o->json) {
        as_text_add(r->out, "loss  %s\n", as_error_message());
    }
    if (r->o->json) {
        as_json_int(r->out, "parameters", as_surface_trained(r->surface));
        as_json_int(r->out, "rows", rows);
        as_json_bool(r->out, "all_rows", as_surface_whole(r->surface));
        as_json_real(r->out, "loss", as_surface_loss(r->surface));
    } else if (here == AS_OK) {
        as_text_add(r->out, "loss  %.6g over %s%lld training samples%s\n      %lld parameters train\n",
                    as_surface_loss(r->surface), as_surface_whole(r->surface) ? "all " : "the first ", (long long)rows,
                    as_surface_model(r->surface)->l2 > 0 ? ", with the penalty l2" : "",
                    (long long)as_surface_trained(r->surface));
    }
    for (int k = 0; k < AS_REPORT_KINDS; k++) {
        if ((r->o->what >> k & 1u) != 0) {
            const as_status status = part[k](r);
            AS_TRY(status == AS_OK ? AS_OK : say_why(r, as_report_names[k], status));
        }
    }
    return AS_OK;
}

as_status as_report_make(const as_probe_setup *setup, const as_report_options *options, as_text *out)
{
    reporter r = {.setup = setup, .o = options, .out = out};
    const unsigned lanes = AS_REPORT_NOISE | AS_REPORT_SADDLE;
    AS_TRY(as_surface_create(setup, options->rows, (options->what & lanes) != 0, &r.surface));
    const as_status status = write_all(&r);
    free(r.bend.lowest);
    free(r.w);
    as_surface_destroy(&r.surface);
    return status;
}
