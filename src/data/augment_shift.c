/* Moves an image by up to `pixels` rows and columns, each number of them equally likely; what comes in from outside is
   0. Cost: one pass over the image. */
#include <string.h>

#include "data/augment.h"
#include "kernels/real.h"

typedef struct options {
    int64_t pixels;
} options;

static const as_field fields[] = {{.name = "pixels",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(options, pixels),
                                   .standard = "2",
                                   .min = 0,
                                   .max = 1 << 20,
                                   .unit = "pixels",
                                   .help = "the most that an image is moved, in each direction"},
                                  AS_FIELDS_END};

/* Row `to` of the image is row `from` moved right by `right` columns, or zeros. In place: the rows may be the same. */
static void move_row(real *to, const real *from, int64_t width, int64_t channels, int64_t right)
{
    const int64_t lost = right < 0 ? -right : right;
    if (from == NULL || lost >= width) {
        memset(to, 0, (size_t)(width * channels) * sizeof *to);
        return;
    }
    const size_t kept = (size_t)((width - lost) * channels) * sizeof *to;
    memmove(to + (right > 0 ? right * channels : 0), from + (right < 0 ? lost * channels : 0), kept);
    memset(to + (right > 0 ? 0 : (width - lost) * channels), 0, (size_t)(lost * channels) * sizeof *to);
}

static void apply(const as_augment_pass *pass)
{
    const int64_t most = ((const options *)pass->options)->pixels, height = pass->height;
    const int64_t stride = pass->width * pass->channels;
    uint32_t word[4];
    as_augment_words(pass, 0, word);
    const int64_t down = as_augment_pick(word[0], -most, most), right = as_augment_pick(word[1], -most, most);
    real *x = pass->x;
    for (int64_t i = 0; i < height; i++) { /* rows in an order in which none is overwritten before it is read */
        const int64_t row = down > 0 ? height - 1 - i : i, from = row - down;
        move_row(x + row * stride, from >= 0 && from < height ? x + from * stride : NULL, pass->width, pass->channels,
                 right);
    }
}

const as_augment_ops AS_V(as_augment_shift) = {
    .name = "shift",
    .help = "Moves images by a few pixels, filling with 0.",
    .formula = "y[i, j] = x[i - d, j - r], d and r uniform in -pixels .. pixels",
    .fields = fields,
    .options_bytes = sizeof(options),
    .image = true,
    .moves = true,
    .apply = apply,
};
