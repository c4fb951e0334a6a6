/* Data without files. `digits`: the embedded 8x8 digits (see digits.inc); every fifth sample (index 4, 9, 14, ...) is
   the test part. The others are generated: sample i of a part is a function of (seed, part, i), by Philox, so that
   ranks make only their own rows. linear   y = w'x + noise e                     x of 16 standard normals, w of norm
   about 1 tabular  y = v's(W'x) + noise e                x of 64 standard normals, 32 hidden units, s(z) = z / sqrt(1 +
   z^2) spirals  two classes on two arms of a spiral   x of 2: r (cos, sin)(1.5 turns r + class / 2) + noise e, r in
   [0.05, 1) A normal variate is the centred and scaled sum of eight 16-bit uniform integers of one Philox call: exact
   arithmetic, the same on every machine; mean 0, variance 1, excess kurtosis -0.15, |z| < 4.9. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "data/format.h"
#include "math/constants.h"

enum {
    DIGITS = 1797,
    DIGIT_PIXELS = 64,
    TEST_STRIDE = 5,
    TABULAR_INPUTS = 64,
    TABULAR_HIDDEN = 32,
    LINEAR_INPUTS = 16
};
enum { NAME_DIGITS, NAME_LINEAR, NAME_TABULAR, NAME_SPIRALS, NAME_LONGLEY };
enum { LONGLEY = 16, LONGLEY_COLUMNS = 7 };
enum { PART_TRAIN, PART_TEST, PART_ALL };
/* What the words of a generated set are for: the first counter of Philox. */
enum { DRAW_INPUT, DRAW_NOISE, DRAW_WEIGHT, DRAW_WEIGHT_OUT };

static const char digits[DIGITS][1 + DIGIT_PIXELS + 1] = {
#include "data/digits.inc"
};

typedef struct options {
    int name, part;
    int64_t samples, seed;
    double noise;
} options;

static const char *const name_choices[] = {
    [NAME_DIGITS] = "digits",   [NAME_LINEAR] = "linear",   [NAME_TABULAR] = "tabular",
    [NAME_SPIRALS] = "spirals", [NAME_LONGLEY] = "longley", NULL};
/* J. Longley, "An appraisal of least squares programs for the electronic computer from the point of view of the user",
   JASA 62, 1967: employment in the United States, 1947 to 1962. In every part, all rows. */
static const char *const longley_names[LONGLEY_COLUMNS] = {"TOTEMP", "GNPDEFL", "GNP", "UNEMP", "ARMED", "POP", "YEAR"};
static const double longley[LONGLEY][LONGLEY_COLUMNS] = {
    {60323, 83.0, 234289, 2356, 1590, 107608, 1947},  {61122, 88.5, 259426, 2325, 1456, 108632, 1948},
    {60171, 88.2, 258054, 3682, 1616, 109773, 1949},  {61187, 89.5, 284599, 3351, 1650, 110929, 1950},
    {63221, 96.2, 328975, 2099, 3099, 112075, 1951},  {63639, 98.1, 346999, 1932, 3594, 113270, 1952},
    {64989, 99.0, 365385, 1870, 3547, 115094, 1953},  {63761, 100.0, 363112, 3578, 3350, 116219, 1954},
    {66019, 101.2, 397469, 2904, 3048, 117388, 1955}, {67857, 104.6, 419180, 2822, 2857, 118734, 1956},
    {68169, 108.4, 442769, 2936, 2798, 120445, 1957}, {66513, 110.8, 444546, 4681, 2637, 121950, 1958},
    {68655, 112.6, 482704, 3813, 2552, 123366, 1959}, {69564, 114.2, 502601, 3931, 2514, 125368, 1960},
    {69331, 115.7, 518173, 4806, 2572, 127852, 1961}, {70551, 116.9, 554894, 4007, 2827, 130081, 1962}};
static const char *const part_choices[] = {[PART_TRAIN] = "train", [PART_TEST] = "test", [PART_ALL] = "all", NULL};

static const as_field fields[] = {
    {.name = "name",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(options, name),
     .standard = "digits",
     .choices = name_choices,
     .help = "digits: 8x8 images, 10 classes; longley: regression, 16 real rows; linear, tabular: regression; "
             "spirals: 2 classes"},
    {.name = "part",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(options, part),
     .standard = "train",
     .choices = part_choices,
     .help = "train, test (disjoint from train) or all; follows from the place of the source"},
    {.name = "samples",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, samples),
     .standard = "4096",
     .min = 1,
     .max = 1e12,
     .unit = "samples",
     .help = "rows of the train part of a generated set; the test part has a quarter as many"},
    {.name = "seed",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, seed),
     .standard = "7",
     .min = 0,
     .max = 0x1p53,
     .help = "key of a generated set"},
    {.name = "noise",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, noise),
     .standard = "0.05",
     .min = 0,
     .max = 1e6,
     .help = "standard deviation of the noise of a generated set"},
    AS_FIELDS_END,
};

struct as_format_file {
    options options;
    int64_t train_rows, first; /* sample number of row 0: the test part of a generated set follows the train part */
    float weight[TABULAR_INPUTS * TABULAR_HIDDEN], weight_out[TABULAR_HIDDEN];
    as_data_parts names[AS_PARTS];
};

static double normal(const as_format_file *file, uint32_t draw, uint32_t element, int64_t sample)
{
    const double sum_mean = 8 * 32767.5,
                 one_over_std = 1.0 / 53509.91992145008; /* std of the sum: sqrt(8 (2^32 - 1) / 12) */
    uint32_t word[4];
    as_rng_words((uint64_t)file->options.seed, AS_RNG_GENERATE, draw, element, (uint64_t)sample, word);
    uint32_t sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (word[i] & 0xFFFFu) + (word[i] >> 16);
    }
    return ((double)sum - sum_mean) * one_over_std;
}

/* cos and sin of 2 pi t for any t by Taylor series on an eighth of a turn; error below 1e-9, far under the noise. */
static void turn(double t, double *c, double *s)
{
    const double quarter = floor(4.0 * t + 0.5), a = AS_TWO_PI * (t - 0.25 * quarter), q = a * a;
    const double sine = a * (1.0 - q / 6.0 * (1.0 - q / 20.0 * (1.0 - q / 42.0 * (1.0 - q / 72.0))));
    const double cosine = 1.0 - q / 2.0 * (1.0 - q / 12.0 * (1.0 - q / 30.0 * (1.0 - q / 56.0 * (1.0 - q / 90.0))));
    switch ((int64_t)quarter & 3) {
    case 0:
        *c = cosine, *s = sine;
        break;
    case 1:
        *c = -sine, *s = cosine;
        break;
    case 2:
        *c = -cosine, *s = -sine;
        break;
    default:
        *c = sine, *s = -cosine;
        break;
    }
}

static void make_spiral(const as_format_file *file, int64_t sample, float *x)
{
    uint32_t word[4];
    double c, s;
    as_rng_words((uint64_t)file->options.seed, AS_RNG_GENERATE, DRAW_INPUT, 0, (uint64_t)sample, word);
    const double r = 0.05 + 0.95 * as_rng_uniform_f64(word[0], word[1]);
    turn(1.5 * r + 0.5 * (double)(sample & 1), &c, &s);
    x[0] = (float)(r * c + file->options.noise * normal(file, DRAW_NOISE, 0, sample));
    x[1] = (float)(r * s + file->options.noise * normal(file, DRAW_NOISE, 1, sample));
}

static void make_inputs(const as_format_file *file, int inputs, int64_t sample, float *x)
{
    for (int j = 0; j < inputs; j++) {
        x[j] = (float)normal(file, DRAW_INPUT, (uint32_t)j, sample);
    }
}

static float make_target(const as_format_file *file, int64_t sample)
{
    float x[TABULAR_INPUTS];
    double y = file->options.noise * normal(file, DRAW_NOISE, 0, sample);
    if (file->options.name == NAME_LINEAR) {
        make_inputs(file, LINEAR_INPUTS, sample, x);
        for (int j = 0; j < LINEAR_INPUTS; j++) {
            y += (double)x[j] * (double)file->weight[j];
        }
        return (float)y;
    }
    make_inputs(file, TABULAR_INPUTS, sample, x);
    float z[TABULAR_HIDDEN] = {0};
    for (int i = 0; i < TABULAR_INPUTS; i++) {
        for (int j = 0; j < TABULAR_HIDDEN; j++) {
            z[j] += x[i] * file->weight[i * TABULAR_HIDDEN + j];
        }
    }
    for (int j = 0; j < TABULAR_HIDDEN; j++) {
        y += (double)file->weight_out[j] * (double)z[j] / sqrt(1.0 + (double)z[j] * (double)z[j]);
    }
    return (float)y;
}

static void make_weights(as_format_file *file)
{
    const double norm = file->options.name == NAME_LINEAR ? 0.25 : 0.125; /* 1 / sqrt(inputs) */
    for (uint32_t i = 0; i < TABULAR_INPUTS * TABULAR_HIDDEN; i++) {
        file->weight[i] = (float)(norm * normal(file, DRAW_WEIGHT, i, 0));
    }
    for (uint32_t i = 0; i < TABULAR_HIDDEN; i++) {
        file->weight_out[i] = (float)(normal(file, DRAW_WEIGHT_OUT, i, 0) / sqrt((double)TABULAR_HIDDEN));
    }
}

/* Place in the whole set of row i of a part of the digits. */
static int64_t digit_index(int part, int64_t row)
{
    switch (part) {
    case PART_TRAIN:
        return row / (TEST_STRIDE - 1) * TEST_STRIDE + row % (TEST_STRIDE - 1);
    case PART_TEST:
        return row * TEST_STRIDE + TEST_STRIDE - 1;
    default:
        return row;
    }
}

static int64_t rows_of(const options *o)
{
    if (o->name == NAME_LONGLEY) {
        return LONGLEY;
    }
    const int64_t train = o->name == NAME_DIGITS ? DIGITS - DIGITS / TEST_STRIDE : o->samples;
    const int64_t test = o->name == NAME_DIGITS ? DIGITS / TEST_STRIDE : (o->samples + 3) / 4;
    return o->part == PART_TRAIN ? train : o->part == PART_TEST ? test : train + test;
}

static as_column column_of(const options *o, as_part part)
{
    as_column column = {.present = part != AS_PART_WEIGHT, .rows = rows_of(o), .type = AS_F32, .full_scale = 1.0};
    snprintf(column.place, sizeof column.place, "builtin %s:%s", name_choices[o->name], part == AS_PART_X ? "x" : "y");
    if (o->name == NAME_DIGITS || (o->name == NAME_SPIRALS && part == AS_PART_Y)) {
        column.type = AS_U8;
        column.full_scale = 16.0; /* of the digits */
    }
    if (o->name == NAME_LONGLEY) {
        column.type = AS_F64;
    }
    if (part == AS_PART_X) {
        static const as_shape shapes[] = {[NAME_DIGITS] = {.rank = 2, .dim = {8, 8}},
                                          [NAME_LINEAR] = {.rank = 1, .dim = {LINEAR_INPUTS}},
                                          [NAME_TABULAR] = {.rank = 1, .dim = {TABULAR_INPUTS}},
                                          [NAME_SPIRALS] = {.rank = 1, .dim = {2}},
                                          [NAME_LONGLEY] = {.rank = 1, .dim = {LONGLEY_COLUMNS - 1}}};
        column.shape = shapes[o->name];
    }
    return column;
}

static void close_set(as_format_file **file)
{
    for (int part = 0; *file != NULL && part < AS_PARTS; part++) {
        as_parts_free(&(*file)->names[part]);
    }
    free(*file);
    *file = NULL;
}

static as_status name_columns(as_format_file *file)
{
    const as_shape one = {0};
    for (int j = 0; file->options.name == NAME_LONGLEY && j < LONGLEY_COLUMNS; j++) {
        AS_TRY(as_parts_add(&file->names[j == 0 ? AS_PART_Y : AS_PART_X], longley_names[j], &one));
    }
    return AS_OK;
}

static as_status open_set(const void *opaque, const as_known *known, as_format_file **out, as_column column[AS_PARTS])
{
    (void)known;
    const options *o = opaque;
    as_format_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        AS_FAIL(AS_NOMEM, "builtin %s: out of memory for opening it", name_choices[o->name]);
    }
    file->options = *o;
    file->first = o->part == PART_TEST ? o->samples : 0;
    if (o->name != NAME_DIGITS) {
        make_weights(file);
    }
    const as_status status = name_columns(file);
    for (int part = 0; part < AS_PARTS; part++) {
        column[part] = column_of(o, (as_part)part);
        column[part].parts = file->names[part];
    }
    *out = file;
    if (status != AS_OK) {
        close_set(out);
    }
    return status;
}

static void read_digit(const as_format_file *file, as_part part, int64_t row, uint8_t *data)
{
    const char *digit = digits[digit_index(file->options.part, row)];
    if (part == AS_PART_Y) {
        *data = (uint8_t)(digit[0] - '0');
        return;
    }
    for (int i = 0; i < DIGIT_PIXELS; i++) {
        data[i] = (uint8_t)(digit[1 + i] - 'a');
    }
}

static as_status read_set(as_format_file *file, as_part part, int64_t first, int64_t count, void *data)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t sample = file->first + first + i;
        switch (file->options.name) {
        case NAME_DIGITS:
            read_digit(file, part, first + i, (uint8_t *)data + i * (part == AS_PART_X ? DIGIT_PIXELS : 1));
            break;
        case NAME_LONGLEY:
            if (part == AS_PART_X) {
                memcpy((double *)data + i * (LONGLEY_COLUMNS - 1), longley[first + i] + 1,
                       (LONGLEY_COLUMNS - 1) * sizeof(double));
            } else {
                ((double *)data)[i] = longley[first + i][0];
            }
            break;
        case NAME_SPIRALS:
            if (part == AS_PART_X) {
                make_spiral(file, sample, (float *)data + 2 * i);
            } else {
                ((uint8_t *)data)[i] = (uint8_t)(sample & 1);
            }
            break;
        default:
            if (part == AS_PART_X) {
                const int inputs = file->options.name == NAME_LINEAR ? LINEAR_INPUTS : TABULAR_INPUTS;
                make_inputs(file, inputs, sample, (float *)data + i * inputs);
            } else {
                ((float *)data)[i] = make_target(file, sample);
            }
        }
    }
    return AS_OK;
}

const as_format_ops as_format_builtin = {
    .name = "builtin",
    .help = "embedded digits, a table of employment, and generated data",
    .fields = fields,
    .options_bytes = sizeof(options),
    .role_key = "part",
    .open = open_set,
    .read = read_set,
    .close = close_set,
};
