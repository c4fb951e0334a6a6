/* Takes a piece of an image, whose sides are a share of the image's drawn from scale .. 1, at a place drawn uniformly,
   and stretches it to the size of the image, bilinear. Cost: about 15 ns a pixel. */
#include "data/augment_sample.h"

typedef struct options {
    double scale;
} options;

static const as_field fields[] = {{.name = "scale",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(options, scale),
                                   .standard = "0.8",
                                   .min = 0.01,
                                   .max = 1,
                                   .help = "least share of the sides of an image that is taken"},
                                  AS_FIELDS_END};

static void apply(const as_augment_pass *pass)
{
    const double least = ((const options *)pass->options)->scale;
    uint32_t word[4], more[4];
    as_augment_words(pass, 0, word);
    as_augment_words(pass, 1, more);
    const double share = least + (1 - least) * as_rng_uniform_f64(word[0], word[1]);
    const double high = (double)(pass->height - 1), wide = (double)(pass->width - 1);
    as_augment_sample(pass, &(affine){.y0 = (1 - share) * high * as_rng_uniform_f64(word[2], word[3]),
                                      .yi = share,
                                      .x0 = (1 - share) * wide * as_rng_uniform_f64(more[0], more[1]),
                                      .xj = share});
}

const as_augment_ops AS_V(as_augment_crop) = {
    .name = "crop",
    .help = "Stretches a piece of an image to its size.",
    .formula = "y(p) = x(o + s p), s uniform in scale .. 1, o uniform where the piece fits, bilinear",
    .fields = fields,
    .options_bytes = sizeof(options),
    .image = true,
    .moves = true,
    .apply = apply,
};
