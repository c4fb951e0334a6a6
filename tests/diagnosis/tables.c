/* Tables to train on, as CSV on stdout: columns x0, x1, ... and y, a function of kind, rows, seed and the changes that
   are asked for. What is planted in a run of the benchmark is planted here, or in its configuration.

   usage: tables KIND ROWS SEED [CHANGE=VALUE]...
          tables weights IN UNITS OUT BIAS SEED     safetensors of two dense layers, the biases of the first at BIAS
   kinds: blobs (3 classes), two (2 classes, overlapping), far (2 classes, far apart), rings, xor, parity, linear,
          curve, ripple, tall (linear, 20 columns), images (8x8 bars in 4 places), counts, patients (10 correlated
   columns), product (the sign of a product), moons, stripes, waves (32 columns, 3 frequencies),
   sparse (24 columns of 0 and 1), ordinal (5 classes in a row), friedman, steps, heavy (linear, noise of long tails)
   changes: scale=F (the last column), offset=F and spread=F (of y), random=1 (labels drawn anew), flip=SHARE, noise=SD
   (of y), nan=ROW, nany=ROW, leak=SD (a column: y plus noise), copies=N (each row so many times), sorted=1 (by y),
   rare=SHARE (of class 1), hidden=1 (class 1 lies inside of class 0), pair=1 (a column that is the sum of two), near=SD
   (a copy with noise), repeat=N (the first rows, so many times over), level=F (added to all columns), constant=1 (of
   y), bysize=1 (sorted by x0), classes=K (of blobs), flat=N (so many columns more that hold one value) */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 80, CLASSES_MAX = 40 };

typedef struct table {
    const char *kind;
    int rows, columns, classes;
    double *x, *y;
    uint64_t state;
    int nchanges;
    char **change;
} table;

static double uniform(table *t)
{
    t->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = t->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

static double normal(table *t)
{
    const double r = sqrt(-2 * log(uniform(t)));
    return r * cos(6.283185307179586 * uniform(t));
}

static double change(const table *t, const char *name, double standard)
{
    const size_t length = strlen(name);
    for (int i = 0; i < t->nchanges; i++) {
        if (strncmp(t->change[i], name, length) == 0 && t->change[i][length] == '=') {
            return atof(t->change[i] + length + 1);
        }
    }
    return standard;
}

static int is(const table *t, const char *kind)
{
    return strcmp(t->kind, kind) == 0;
}

/* Classes: a centre for each, drawn once. */
static void blob_row(table *t, double *x, double *y, const double *centre, double apart)
{
    const int k = (int)(uniform(t) * t->classes);
    for (int j = 0; j < t->columns; j++) {
        x[j] = apart * centre[k * t->columns + j] + normal(t);
    }
    *y = k;
}

static void image_row(table *t, double *x, double *y)
{
    const int k = (int)(uniform(t) * 4), at = (int)(uniform(t) * 4);
    for (int j = 0; j < 64; j++) {
        const int line = k < 2 ? j / 8 : j % 8;
        x[j] = (line == at + (k % 2) * 4 ? 1.0 : 0.0) + 0.3 * normal(t);
    }
    *y = k;
}

static void plain_row(table *t, double *x)
{
    for (int j = 0; j < t->columns; j++) {
        x[j] = normal(t);
    }
}

/* Two half circles; stripes of x0; sines of 3 frequencies; rare ones; thresholds of a noisy score. */
static int label_row(table *t, double *x, double *y, const double *centre)
{
    double sum = 0;
    if (is(t, "moons")) {
        const int k = uniform(t) < 0.5;
        const double angle = 3.141592653589793 * uniform(t);
        x[0] = (k ? 1 - cos(angle) : cos(angle)) + 0.15 * normal(t);
        x[1] = (k ? 0.5 - sin(angle) : sin(angle)) + 0.15 * normal(t);
        *y = k;
    } else if (is(t, "stripes")) {
        *y = (int)floor(1.5 * x[0] + 100) % 2;
    } else if (is(t, "waves")) {
        const int k = (int)(uniform(t) * 3);
        const double phase = 6.283185307179586 * uniform(t);
        for (int j = 0; j < t->columns; j++) {
            x[j] = sin(6.283185307179586 * (k + 1) * j / t->columns + phase) + 0.4 * normal(t);
        }
        *y = k;
    } else if (is(t, "sparse")) {
        for (int j = 0; j < t->columns; j++) {
            x[j] = uniform(t) < 0.15;
            sum += centre[j] * (x[j] - 0.15);
        }
        *y = sum + 0.3 * normal(t) > 0;
    } else if (is(t, "ordinal")) {
        for (int j = 0; j < t->columns; j++) {
            sum += centre[j] * x[j] / sqrt(t->columns);
        }
        sum += 0.4 * normal(t);
        *y = (sum > -1) + (sum > -0.35) + (sum > 0.35) + (sum > 1);
    } else {
        return 0;
    }
    return 1;
}

static int real_row(table *t, double *x, double *y, const double *centre)
{
    *y = 0;
    if (is(t, "friedman")) {
        for (int j = 0; j < t->columns; j++) {
            x[j] = uniform(t);
        }
        *y = 0.2 *
             (10 * sin(3.141592653589793 * x[0] * x[1]) + 20 * (x[2] - 0.5) * (x[2] - 0.5) + 10 * x[3] + 5 * x[4] - 14);
    } else if (is(t, "steps")) {
        *y = (x[0] > 0) + (x[1] > 0.5) - (x[2] > -0.5) * (x[3] > 0);
    } else if (is(t, "heavy")) {
        for (int j = 0; j < t->columns; j++) {
            *y += centre[j] * x[j] / sqrt(t->columns);
        }
        const double a = normal(t), b = normal(t), c = normal(t);
        *y += 0.4 * normal(t) / sqrt((a * a + b * b + c * c) / 3 + 0.05);
    } else {
        return 0;
    }
    return 1;
}

static void make_row(table *t, double *x, double *y, const double *centre)
{
    plain_row(t, x);
    if (label_row(t, x, y, centre) || real_row(t, x, y, centre)) {
        return;
    }
    if (is(t, "blobs")) {
        blob_row(t, x, y, centre, 1.2);
    } else if (is(t, "two")) {
        blob_row(t, x, y, centre, 0.45);
    } else if (is(t, "far")) {
        blob_row(t, x, y, centre, 4);
    } else if (is(t, "rings")) {
        const double angle = 6.283185307179586 * uniform(t);
        const int k = uniform(t) < 0.5;
        x[0] = (1 + 1.5 * k + 0.15 * normal(t)) * cos(angle);
        x[1] = (1 + 1.5 * k + 0.15 * normal(t)) * sin(angle);
        *y = k;
    } else if (is(t, "xor") || is(t, "product")) {
        *y = x[0] * x[1] > 0;
    } else if (is(t, "parity")) {
        int ones = 0;
        for (int j = 0; j < t->columns; j++) {
            x[j] = uniform(t) < 0.5 ? -1 : 1;
            ones += x[j] > 0;
        }
        *y = ones % 2;
    } else if (is(t, "linear") || is(t, "tall")) {
        *y = 0;
        for (int j = 0; j < t->columns; j++) {
            *y += centre[j] * x[j] / sqrt(t->columns);
        }
    } else if (is(t, "curve")) {
        *y = sin(2 * x[0]) + 0.5 * x[1] * x[2] + 0.3 * x[3];
    } else if (is(t, "ripple")) {
        *y = sin(3 * x[0]) * cos(2 * x[1]);
    } else if (is(t, "images")) {
        image_row(t, x, y);
    } else if (is(t, "counts")) {
        const double rate = exp(0.5 * x[0] - 0.3 * x[1] + 0.5);
        double left = exp(-rate), p = uniform(t), at = left;
        for (*y = 0; p > at && *y < 100; ++*y) {
            left *= rate / (*y + 1);
            at += left;
        }
    } else if (is(t, "patients")) {
        const double shared = normal(t);
        *y = 0;
        for (int j = 0; j < t->columns; j++) {
            x[j] = 0.6 * shared + 0.8 * x[j];
            *y += 0.4 * centre[j] * x[j];
        }
        *y += normal(t);
    } else {
        fprintf(stderr, "no kind '%s'\n", t->kind);
        exit(64);
    }
}

static int columns_of(const table *t)
{
    return is(t, "moons") || is(t, "stripes")                                                     ? 2
           : is(t, "waves")                                                                       ? 32
           : is(t, "sparse")                                                                      ? 24
           : is(t, "friedman")                                                                    ? 10
           : is(t, "steps")                                                                       ? 5
           : is(t, "rings") || is(t, "ripple")                                                    ? 2
           : is(t, "images")                                                                      ? 64
           : is(t, "tall")                                                                        ? 20
           : is(t, "patients")                                                                    ? 10
           : is(t, "parity") || is(t, "xor") || is(t, "counts")                                   ? 4
           : is(t, "blobs") || is(t, "two") || is(t, "far") || is(t, "curve") || is(t, "product") ? 6
                                                                                                  : 8;
}

static table *sorted_table;
static int sorted_column;

static int by_key(const void *a, const void *b)
{
    const int i = *(const int *)a, j = *(const int *)b;
    const table *t = sorted_table;
    const double p = sorted_column < 0 ? t->y[i] : t->x[i * COLUMNS_MAX + sorted_column];
    const double q = sorted_column < 0 ? t->y[j] : t->x[j * COLUMNS_MAX + sorted_column];
    return p < q ? -1 : p > q ? 1 : i - j;
}

static void change_columns(table *t)
{
    const double leak = change(t, "leak", -1), near = change(t, "near", -1), scale = change(t, "scale", 1);
    const int base = t->columns, pair = change(t, "pair", 0) > 0;
    for (int r = 0; r < t->rows; r++) {
        double *x = t->x + r * COLUMNS_MAX;
        int at = base;
        if (pair) {
            x[at++] = x[0] - 2 * x[1];
        }
        if (near >= 0) {
            x[at++] = x[0] + near * normal(t);
        }
        if (leak >= 0) {
            x[at++] = t->y[r] + leak * normal(t);
        }
        for (int k = 0; k < (int)change(t, "flat", 0); k++) {
            x[at++] = k;
        }
        x[base - 1] *= scale;
        for (int j = 0; j < at; j++) {
            x[j] += change(t, "level", 0);
        }
        t->columns = at;
    }
}

static void change_targets(table *t)
{
    const double rare = change(t, "rare", 0), flip = change(t, "flip", 0);
    for (int r = 0; r < t->rows; r++) {
        double *x = t->x + r * COLUMNS_MAX;
        if (rare > 0) {
            t->y[r] = uniform(t) < rare;
            for (int j = 0; j < t->columns; j++) {
                x[j] = change(t, "hidden", 0) > 0 ? normal(t) * (t->y[r] > 0 ? 0.6 : 1) : normal(t) + 2.5 * t->y[r];
            }
        }
        if (uniform(t) < flip) {
            t->y[r] = t->classes > 0 ? (int)(uniform(t) * t->classes) : normal(t);
        }
        if (change(t, "random", 0) > 0) {
            t->y[r] = t->classes > 0 ? (int)(uniform(t) * t->classes) : normal(t);
        }
        t->y[r] += change(t, "noise", 0) * normal(t);
        t->y[r] = change(t, "offset", 0) + change(t, "spread", 1) * t->y[r];
        t->y[r] = change(t, "constant", 0) > 0 ? 1 : t->y[r];
    }
}

static void write_row(const table *t, int r, int place)
{
    for (int j = 0; j < t->columns; j++) {
        if (place == (int)change(t, "nan", -1) && j == 1) {
            printf("nan,");
        } else {
            printf("%.9g,", t->x[r * COLUMNS_MAX + j]);
        }
    }
    if (place == (int)change(t, "nany", -1)) {
        puts("nan");
    } else {
        printf("%.9g\n", t->y[r]);
    }
}

static void write_table(table *t)
{
    int *order = malloc((size_t)t->rows * sizeof *order);
    const int copies = (int)change(t, "copies", 1), repeat = (int)change(t, "repeat", 1);
    for (int r = 0; r < t->rows; r++) {
        order[r] = repeat > 1 ? r % (t->rows / repeat) : r / copies;
    }
    sorted_table = t;
    sorted_column = change(t, "bysize", 0) > 0 ? 0 : -1;
    if (change(t, "sorted", 0) > 0 || sorted_column == 0) {
        qsort(order, (size_t)t->rows, sizeof *order, by_key);
    }
    for (int j = 0; j < t->columns; j++) {
        printf("x%d,", j);
    }
    puts("y");
    for (int r = 0; r < t->rows; r++) {
        write_row(t, order[r], r);
    }
    free(order);
}

static void write_floats(table *t, int n, double scale, double level)
{
    for (int i = 0; i < n; i++) {
        const float v = (float)(scale * normal(t) + level);
        fwrite(&v, sizeof v, 1, stdout);
    }
}

static int write_weights(char **argv)
{
    const int in = atoi(argv[2]), units = atoi(argv[3]), out = atoi(argv[4]);
    const double bias = atof(argv[5]);
    table t = {.state = (uint64_t)atoll(argv[6]) * 7919 + 3};
    const int at[5] = {0, 4 * in * units, 4 * (in + 1) * units, 4 * ((in + 1) * units + units * out),
                       4 * ((in + 1) * units + (units + 1) * out)};
    char header[512];
    const int length =
        snprintf(header, sizeof header,
                 "{\"dense_1.weight\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[%d,%d]},"
                 "\"dense_1.bias\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[%d,%d]},"
                 "\"dense_2.weight\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[%d,%d]},"
                 "\"dense_2.bias\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[%d,%d]}}",
                 in, units, at[0], at[1], units, at[1], at[2], units, out, at[2], at[3], out, at[3], at[4]);
    const uint64_t size = (uint64_t)length;
    fwrite(&size, sizeof size, 1, stdout);
    fwrite(header, 1, (size_t)length, stdout);
    write_floats(&t, in * units, sqrt(2.0 / in), 0);
    write_floats(&t, units, 0.5, bias);
    write_floats(&t, units * out, sqrt(1.0 / units), 0);
    write_floats(&t, out, 0, 0);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "weights") == 0) {
        return write_weights(argv);
    }
    if (argc < 4) {
        fputs("usage: tables KIND ROWS SEED [CHANGE=VALUE]...\n", stderr);
        return 64;
    }
    table t = {.kind = argv[1], .rows = atoi(argv[2]), .nchanges = argc - 4, .change = argv + 4};
    t.state = (uint64_t)atoll(argv[3]) * 1000003u + 17;
    t.columns = columns_of(&t);
    t.classes = is(&t, "blobs") || is(&t, "waves") ? 3 : is(&t, "images") ? 4 : is(&t, "ordinal") ? 5 : 2;
    t.x = calloc((size_t)t.rows * COLUMNS_MAX, sizeof *t.x);
    t.y = calloc((size_t)t.rows, sizeof *t.y);
    t.classes = (int)change(&t, "classes", t.classes);
    t.classes = t.classes < CLASSES_MAX ? t.classes : CLASSES_MAX;
    double centre[CLASSES_MAX * COLUMNS_MAX];
    for (int i = 0; i < (t.classes > 3 ? t.classes : 3) * COLUMNS_MAX; i++) {
        centre[i] = normal(&t);
    }
    const int real = is(&t, "linear") || is(&t, "tall") || is(&t, "curve") || is(&t, "ripple") || is(&t, "counts") ||
                     is(&t, "patients") || is(&t, "friedman") || is(&t, "steps") || is(&t, "heavy");
    for (int r = 0; r < t.rows; r++) {
        make_row(&t, t.x + r * COLUMNS_MAX, &t.y[r], centre);
    }
    t.classes = real ? 0 : t.classes;
    change_targets(&t);
    change_columns(&t);
    write_table(&t);
    free(t.x);
    free(t.y);
    return 0;
}
