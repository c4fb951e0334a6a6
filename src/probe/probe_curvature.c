/* Instrument curvature: largest and smallest eigenvalue of the Hessian after the step, and the largest learning rate at
   which this optimizer is stable on a quadratic of that curvature (Cohen et al. 2021, 2022). In a net a rate above it
   is not by itself a fault: full-batch training drifts to the limit and hovers there. Cost: 2 gradients of `rows` rows
   in double for each of up to `products` products; twice as many products for optimizers that scale elements. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "probe/curvature.h"

typedef struct curvature_options {
    int64_t rows, products, every;
} curvature_options;

static const as_field fields[] = {
    {.name = "rows",
     .type = AS_FIELD_INT,
     .offset = offsetof(curvature_options, rows),
     .standard = "512",
     .min = 0,
     .max = 1e12,
     .unit = "samples",
     .help = "Training samples over which the loss is taken, the first of a keyed order; 0: all.",
     .free = true},
    {.name = "products",
     .type = AS_FIELD_INT,
     .offset = offsetof(curvature_options, products),
     .standard = "20",
     .min = 1,
     .max = 10000,
     .help = "Most products with the Hessian in a run of Lanczos.",
     .free = true},
    {.name = "every",
     .type = AS_FIELD_INT,
     .offset = offsetof(curvature_options, every),
     .standard = "1",
     .min = 1,
     .max = 1e12,
     .unit = "probes",
     .help = "Probes from one measurement of curvature to the next.",
     .free = true},
    AS_FIELDS_END};

static void close_state(void **state)
{
    as_surface *surface = *state;
    as_surface_destroy(&surface);
    *state = NULL;
}

static as_status open_state(const void *options, const as_probe_setup *setup, const as_model *model, void **state)
{
    as_surface *surface = NULL;
    (void)model;
    const as_status status = as_surface_create(setup, ((const curvature_options *)options)->rows, false, &surface);
    *state = surface;
    return status;
}

static void put(const as_surface *surface, const as_curvature *c, as_probe_record *record)
{
    record->lambda_max = c->lambda_max;
    record->lambda_max_error = c->lambda_max_error;
    record->lambda_min = c->lambda_min;
    record->lambda_min_error = c->lambda_min_error;
    record->sharpness = c->sharpness;
    record->lr_limit = c->lr_limit;
    record->lr_ratio = record->lr / c->lr_limit;
    record->curvature_rows = (double)as_surface_rows(surface);
    record->curvature_exact = as_surface_whole(surface) ? 1 : 0;
    if (isnan(c->factor)) {
        as_probe_record_state(record, "curvature", "no limit of the rate is known for %s", c->optimizer);
    } else if (isinf(c->lr_limit)) {
        as_probe_record_state(record, "curvature", "nothing curves upwards: no limit of the rate");
    }
}

static as_status measure(const void *options, void *state, const as_probe_view *view, as_probe_record *record)
{
    const curvature_options *o = options;
    as_surface *surface = state;
    as_curvature c = {0};
    if (view->earlier->n % o->every != 0) {
        return AS_OK;
    }
    as_status status = as_surface_move(surface, NULL);
    if (status == AS_OK) {
        status = as_curvature_measure(surface, o->products, view->step + 1, view->setup->seed, false, &c);
    }
    if (status == AS_DIVERGED) { /* of the instrument, not of the training */
        as_probe_record_state(record, "curvature", "%s", as_error_message());
        return AS_OK;
    }
    AS_TRY(as_world_agree(view->setup->world, status));
    put(surface, &c, record);
    return AS_OK;
}

const as_probe_ops as_probe_curvature = {
    .name = "curvature",
    .help = "Extreme eigenvalues of the Hessian by Lanczos, and the largest stable learning rate of the optimizer.",
    .formula = "lambda_max, lambda_min of H; lr_limit = c / lambda_max(P^-1 H)",
    .fields = fields,
    .options_bytes = sizeof(curvature_options),
    .costly = true,
    .open = open_state,
    .close = close_state,
    .measure = measure,
};
