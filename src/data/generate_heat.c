/* The heat equation u_t = alpha (u_xx + u_yy) on a periodic square of side 1, whose solution is known: the wave
   cos(2 pi (k x + l y) + phase) keeps its form and loses e^(-alpha (2 pi)^2 (k^2 + l^2) t). The state at the beginning
   is a sum of such waves, 0 <= k <= modes and |l| <= modes, with uniform random amplitudes of at most
   amplitude / (1 + k^2 + l^2) and random phases. Cost: a cosine for each point and wave. */
#include <string.h>

#include "base/error.h"
#include "data/generate.h"
#include "kernels/scalar_math.h"

typedef struct options {
    int64_t points, modes;
    double diffusivity, time, amplitude;
} options;

static const as_field fields[] = {
    {.name = "points",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, points),
     .standard = "32",
     .min = 4,
     .max = 4096,
     .help = "points of a side"},
    {.name = "diffusivity",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, diffusivity),
     .standard = "0.01",
     .min = 0,
     .max = 10,
     .help = "alpha"},
    {.name = "time",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, time),
     .standard = "0.25",
     .min = 0,
     .max = 100,
     .help = "time between x and y"},
    {.name = "modes",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, modes),
     .standard = "3",
     .min = 1,
     .max = 16,
     .help = "largest wave number along each axis"},
    {.name = "amplitude",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, amplitude),
     .standard = "1",
     .min = 0,
     .max = 1e3,
     .help = "largest amplitude of the constant part"},
    AS_FIELDS_END,
};

static as_status plan(const void *opaque, as_shape *shape, int64_t *work)
{
    const options *o = opaque;
    *shape = (as_shape){.rank = 2, .dim = {o->points, o->points}};
    *work = 0;
    if (2 * o->modes > o->points) {
        AS_FAIL(AS_CONFIG, "heat: modes: expected at most %lld for %lld points, found %lld", (long long)(o->points / 2),
                (long long)o->points, (long long)o->modes);
    }
    return AS_OK;
}

static void row(const as_generate_pass *pass)
{
    const options *o = pass->options;
    const int64_t n = o->points, waves = 2 * o->modes + 1;
    const double turn = 0x1.921fb54442d18p2; /* 2 pi */
    memset(pass->x, 0, (size_t)(n * n) * sizeof *pass->x);
    memset(pass->y, 0, (size_t)(n * n) * sizeof *pass->y);
    for (int64_t w = 0; w < (o->modes + 1) * waves; w++) {
        const int64_t k = w / waves, l = w % waves - o->modes;
        const double square = (double)(k * k + l * l);
        const double size = o->amplitude / (1 + square) * as_generate_uniform(pass, (uint32_t)(2 * w));
        const double phase = turn * as_generate_uniform(pass, (uint32_t)(2 * w + 1));
        const double left = as_exp_f64(-o->diffusivity * turn * turn * square * o->time);
        for (int64_t i = 0; i < n * n; i++) {
            const int64_t along = ((k * (i / n) + l * (i % n)) % n + n) % n;
            const double wave = size * as_cos_f64(turn * (double)along / (double)n + phase);
            pass->x[i] += wave;
            pass->y[i] += left * wave;
        }
    }
}

const as_generate_ops as_generate_heat = {
    .name = "heat",
    .help = "The heat equation in two dimensions, periodic: x the state, y the state after `time`.",
    .formula = "u_t = alpha (u_xx + u_yy)",
    .fields = fields,
    .options_bytes = sizeof(options),
    .plan = plan,
    .row = row,
};
