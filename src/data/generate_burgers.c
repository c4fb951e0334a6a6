/* Burgers' equation u_t + (u^2 / 2)_x = nu u_xx on a periodic interval of length 1. Space: cells of width h, the flux
   (a^2 + a b + b^2) / 6 between neighbours a and b, which keeps the sum of u and, without viscosity, that of u^2
   (E. Tadmor, Math. Comp. 43 (1984) 369), and central differences for u_xx: second order. Time: the classical
   Runge-Kutta method, steps within its limits for both terms. It solves on `refine` cells for each point that is
   written. The state at the beginning is a sum of sines of the first `modes` wave numbers k, with uniform random
   amplitudes of at most amplitude / k and random phases. Cost: about 10 ns for each cell and stage. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "data/generate.h"
#include "kernels/scalar_math.h"

typedef struct options {
    int64_t points, modes, refine;
    double viscosity, time, amplitude;
} options;

static const as_field fields[] = {
    {.name = "points",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, points),
     .standard = "128",
     .min = 8,
     .max = 1 << 16,
     .help = "points of a row"},
    {.name = "viscosity",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, viscosity),
     .standard = "0.01",
     .min = 1e-6,
     .max = 10,
     .help = "nu"},
    {.name = "time",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, time),
     .standard = "0.1",
     .min = 0,
     .max = 100,
     .help = "time between x and y"},
    {.name = "modes",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, modes),
     .standard = "4",
     .min = 1,
     .max = 64,
     .help = "wave numbers of the first state"},
    {.name = "amplitude",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, amplitude),
     .standard = "1",
     .min = 0,
     .max = 1e3,
     .help = "largest amplitude of wave number 1"},
    {.name = "refine",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, refine),
     .standard = "2",
     .min = 1,
     .max = 64,
     .help = "cells of the solver for each point"},
    AS_FIELDS_END,
};

/* d u / d t */
static void slope(int64_t n, double viscosity, const double *u, double *du)
{
    const double flux = (double)n / 6, spread = viscosity * (double)n * (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double left = u[i > 0 ? i - 1 : n - 1], here = u[i], right = u[i + 1 < n ? i + 1 : 0];
        const double in = left * left + left * here + here * here, out = here * here + here * right + right * right;
        du[i] = flux * (in - out) + spread * ((left - here) + (right - here));
    }
}

static void stage(int64_t n, const double *u, double step, const double *du, double *out)
{
    for (int64_t i = 0; i < n; i++) {
        out[i] = u[i] + step * du[i];
    }
}

void as_burgers_solve(int64_t n, double viscosity, double time, double *u, double *work)
{
    double largest = 0, *at = work, *k1 = work + n, *k2 = work + 2 * n, *k3 = work + 3 * n, *k4 = work + 4 * n;
    for (int64_t i = 0; i < n; i++) { /* the largest |u| does not grow */
        largest = fabs(u[i]) > largest ? fabs(u[i]) : largest;
    }
    const double h = 1 / (double)n; /* limits 2.8 of u / h and 2.78 of 4 nu / h^2, with room */
    const double fastest = largest / h + 2 * viscosity / (h * h);
    const int64_t steps = (int64_t)ceil(time * fastest) > 0 ? (int64_t)ceil(time * fastest) : 1;
    const double step = time / (double)steps;
    for (int64_t s = 0; s < steps; s++) {
        slope(n, viscosity, u, k1);
        stage(n, u, step / 2, k1, at);
        slope(n, viscosity, at, k2);
        stage(n, u, step / 2, k2, at);
        slope(n, viscosity, at, k3);
        stage(n, u, step, k3, at);
        slope(n, viscosity, at, k4);
        for (int64_t i = 0; i < n; i++) {
            u[i] += step / 6 * ((k1[i] + k4[i]) + 2 * (k2[i] + k3[i]));
        }
    }
}

static as_status plan(const void *opaque, as_shape *shape, int64_t *work)
{
    const options *o = opaque;
    *shape = (as_shape){.rank = 1, .dim = {o->points}};
    *work = 6 * o->points * o->refine;
    if (2 * o->modes > o->points) {
        AS_FAIL(AS_CONFIG, "burgers: modes: expected at most %lld for %lld points, found %lld",
                (long long)(o->points / 2), (long long)o->points, (long long)o->modes);
    }
    return AS_OK;
}

static void row(const as_generate_pass *pass)
{
    const options *o = pass->options;
    const int64_t n = o->points * o->refine;
    const double turn = 0x1.921fb54442d18p2; /* 2 pi */
    double *u = pass->work;
    memset(u, 0, (size_t)n * sizeof *u);
    for (int64_t k = 1; k <= o->modes; k++) {
        const double size = o->amplitude / (double)k * as_generate_uniform(pass, (uint32_t)(2 * k));
        const double phase = turn * as_generate_uniform(pass, (uint32_t)(2 * k + 1));
        for (int64_t i = 0; i < n; i++) {
            u[i] += size * as_sin_f64(turn * (double)(k * i % n) / (double)n + phase);
        }
    }
    for (int64_t i = 0; i < o->points; i++) {
        pass->x[i] = u[i * o->refine];
    }
    as_burgers_solve(n, o->viscosity, o->time, u, pass->work + n);
    for (int64_t i = 0; i < o->points; i++) {
        pass->y[i] = u[i * o->refine];
    }
}

const as_generate_ops as_generate_burgers = {
    .name = "burgers",
    .help = "Burgers' equation in one dimension, periodic: x the state, y the state after `time`.",
    .formula = "u_t + u u_x = nu u_xx",
    .fields = fields,
    .options_bytes = sizeof(options),
    .plan = plan,
    .row = row,
};
