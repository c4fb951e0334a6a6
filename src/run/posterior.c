/* Posteriors of the weights: which fit, and draws from what it found. */
#include "run/posterior.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "math/draw.h"
#include "run/posterior_fit.h"

as_status as_posterior_no_memory(void)
{
    AS_FAIL(AS_NOMEM, "out of memory for a posterior of the weights");
}

as_status as_posterior_find(const as_posterior_options *options, as_posterior *out)
{
    as_world *world = NULL;
    *out = (as_posterior){.kind = options->kind};
    AS_TRY(as_world_open(&(as_world_options){0}, &world));
    as_status status;
    if (options->kind == AS_POSTERIOR_SWAG) {
        status = as_posterior_swag(out, options, world);
    } else {
        status = as_posterior_laplace(out, options, world);
    }
    as_world_close(&world);
    return status;
}

void as_posterior_free(as_posterior *p)
{
    free(p->mean);
    free(p->index);
    free(p->value);
    free(p->vector);
    free(p->sd);
    free(p->deviation);
    *p = (as_posterior){0};
}

as_status as_posterior_draw(const as_posterior *p, uint64_t seed, uint32_t s, double *w)
{
    memcpy(w, p->mean, (size_t)p->n * sizeof(double));
    if (p->kind == AS_POSTERIOR_SWAG) {
        const double low = 1 / sqrt(2.0 * (double)(p->members - 1));
        for (int64_t i = 0; i < p->n; i++) {
            as_draw d = as_draw_make(seed, AS_RNG_DRAW, s, (uint64_t)i);
            w[i] += p->sd[i] * as_draw_normal(&d) / sqrt(2.0);
        }
        for (int64_t c = 0; c < p->members; c++) {
            as_draw d = as_draw_make(seed, AS_RNG_DRAW, s, (uint64_t)(p->n + c));
            const double u = low * as_draw_normal(&d);
            for (int64_t i = 0; i < p->n; i++) {
                w[i] += u * p->deviation[c * p->n + i];
            }
        }
        return AS_OK;
    }
    for (int64_t i = 0; i < p->k; i++) {
        as_draw d = as_draw_make(seed, AS_RNG_DRAW, s, (uint64_t)i);
        const double u = as_draw_normal(&d) / sqrt(p->value[i] + p->delta);
        if (p->vector == NULL) {
            w[p->index[i]] += u;
            continue;
        }
        for (int64_t j = 0; j < p->k; j++) {
            w[p->index[j]] += u * p->vector[i * p->k + j];
        }
    }
    return AS_OK;
}
