/* Draws: uniform from two words of Philox; normal by the inverse of its distribution function, of vectors by Box and
   Muller; gamma by rejection (Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26, 2000;
   a shape below 1 by the power of a uniform, section 6). */
#include "math/draw.h"

#include <math.h>

#include "kernels/scalar_math.h"
#include "math/constants.h"
#include "math/special.h"

double as_normal_of_words(const uint32_t word[4])
{
    const double u = as_rng_uniform_f64(word[0], word[1]), angle = as_rng_uniform_f64(word[2], word[3]);
    return sqrt(-2 * as_log_f64(u)) * as_cos_f64(AS_TWO_PI * angle);
}

as_draw as_draw_make(uint64_t seed, as_rng_purpose purpose, uint32_t stream, uint64_t id)
{
    return (as_draw){.seed = seed, .id = id, .purpose = purpose, .stream = stream};
}

double as_draw_uniform(as_draw *draw)
{
    if (draw->left < 2) {
        as_rng_words(draw->seed, draw->purpose, draw->stream, draw->block++, draw->id, draw->word);
        draw->left = 4;
    }
    draw->left -= 2;
    return as_rng_uniform_f64(draw->word[draw->left], draw->word[draw->left + 1]);
}

double as_draw_normal(as_draw *draw)
{
    return as_normal_inverse(as_draw_uniform(draw));
}

double as_draw_gamma(as_draw *draw, double shape)
{
    if (shape < 1) {
        const double larger = as_draw_gamma(draw, shape + 1);
        return larger * as_exp_f64(as_log_f64(as_draw_uniform(draw)) / shape);
    }
    const double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        const double z = as_draw_normal(draw), root = 1 + c * z, v = root * root * root;
        const double u = as_draw_uniform(draw);
        if (root > 0 && as_log_f64(u) < 0.5 * z * z + d * (1 - v + as_log_f64(v))) {
            return d * v;
        }
    }
}
