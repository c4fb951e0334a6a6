/* Adds a normal deviate to each element, by Box and Muller (1958) from Philox: a block of four words gives four.
   Cost: about 5 ns an element. */
#include "data/augment.h"
#include "kernels/math.h"
#include "kernels/real.h"

typedef struct options {
    double deviation;
} options;

static const as_field fields[] = {{.name = "deviation",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(options, deviation),
                                   .standard = "0.1",
                                   .min = 0,
                                   .max = 1e30,
                                   .help = "standard deviation, in units of the stored data"},
                                  AS_FIELDS_END};

enum { CHUNK = 256 }; /* elements: blocks of four, so that the loops are free of branches */

static void apply(const as_augment_pass *pass)
{
    const real deviation = (real)((const options *)pass->options)->deviation;
    const int64_t n = pass->height * pass->width * pass->channels;
    real *x = pass->x;
    for (int64_t first = 0; first < n; first += CHUNK) {
        const int64_t count = n - first < CHUNK ? n - first : CHUNK;
        real radius[CHUNK / 2], angle[CHUNK / 2], normal[CHUNK];
        for (int b = 0; b < CHUNK / 4; b++) {
            uint32_t w[4];
            as_augment_words(pass, (uint32_t)(first / 4 + b), w);
            for (int k = 0; k < 2; k++) { /* radius from (0, 1], so that the logarithm is finite */
                radius[2 * b + k] = (real)((w[2 * k] >> 8) + 1) * AS_R(0x1p-24);
                angle[2 * b + k] = (real)(w[2 * k + 1] >> 8) * AS_R(0x1.921fb54442d18p2 * 0x1p-24); /* 2 pi */
            }
        }
        for (int i = 0; i < CHUNK / 2; i++) {
            const real r = as_sqrt(AS_R(-2) * as_log(radius[i]));
            normal[i] = r * as_cos(angle[i]);
            normal[CHUNK / 2 + i] = r * as_sin(angle[i]);
        }
        for (int64_t i = 0; i < count; i++) {
            x[first + i] = as_fma(deviation, normal[i], x[first + i]);
        }
    }
}

const as_augment_ops AS_V(as_augment_noise) = {
    .name = "noise",
    .help = "Adds normal noise to every element.",
    .formula = "y = x + deviation n, n standard normal",
    .fields = fields,
    .options_bytes = sizeof(options),
    .apply = apply,
};
