/* Zeros a square of side x side pixels about a pixel drawn uniformly; what is outside of the image is lost (T. DeVries,
   G. W. Taylor, "Improved regularization of convolutional neural networks with cutout", arXiv:1708.04552). */
#include <string.h>

#include "data/augment.h"
#include "kernels/real.h"

typedef struct options {
    int64_t side;
} options;

static const as_field fields[] = {{.name = "side",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(options, side),
                                   .standard = "8",
                                   .min = 1,
                                   .max = 1 << 20,
                                   .unit = "pixels",
                                   .help = "side of the square that is set to 0"},
                                  AS_FIELDS_END};

static void apply(const as_augment_pass *pass)
{
    const int64_t side = ((const options *)pass->options)->side;
    uint32_t word[4];
    as_augment_words(pass, 0, word);
    const int64_t row = as_augment_pick(word[0], 0, pass->height - 1) - side / 2;
    const int64_t column = as_augment_pick(word[1], 0, pass->width - 1) - side / 2;
    const int64_t left = column > 0 ? column : 0, right = column + side < pass->width ? column + side : pass->width;
    for (int64_t i = row > 0 ? row : 0; i < row + side && i < pass->height && left < right; i++) {
        memset((real *)pass->x + (i * pass->width + left) * pass->channels, 0,
               (size_t)((right - left) * pass->channels) * sizeof(real));
    }
}

const as_augment_ops AS_V(as_augment_cutout) = {
    .name = "cutout",
    .help = "Sets a square of an image to 0.",
    .formula = "y[i, j] = 0 in a square of side x side pixels about a random one, else x[i, j]",
    .fields = fields,
    .options_bytes = sizeof(options),
    .image = true,
    .apply = apply,
};
