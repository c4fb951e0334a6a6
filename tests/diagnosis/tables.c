/* Tables to train on, as CSV on stdout: columns x0, x1, ... and y, a function of kind (kinds.c), rows, seed and the
   changes that are asked for. What is planted in a run of the benchmark is planted here, or in its configuration.

   usage: tables KIND ROWS SEED [CHANGE=VALUE]...
          tables weights IN UNITS OUT BIAS SEED     safetensors of two dense layers, the biases of the first at BIAS
          tables outputs KIND                       numbers that a network gives for it
   changes: scale=F (the last column), offset=F and spread=F (of y), random=1 (labels drawn anew), flip=SHARE, noise=SD
   (of y), nan=ROW, nany=ROW, leak=SD (a column: y plus noise), copies=N (each row so many times), sorted=1 (by y),
   rare=SHARE (of class 1), hidden=1 (class 1 lies inside of class 0), pair=1 (a column that is the sum of two), near=SD
   (a copy with noise), repeat=N (the first rows, so many times over), level=F (added to all columns), constant=1 (of
   y), bysize=1 (sorted by x0), classes=K (of those that have centres), flat=N (so many columns more that hold one
   value), proxy=SHARE (a column: the class, but in this share of rows), some=SHARE (of rows: copies of others),
   sentinel=SHARE (of all values: -999), index=1 (a column: where the row stands), over=N (each row of class 1 so many
   times), blank=1 (all columns 0), behind=N (targets of N rows before), noted=SHARE
   (of targets: -999), known=1 (a column: 0 in class 0, a size in the others), marker=SHARE (a column: 1 in this share
   of the rows of class 1 alone), clock=1 (the first column: seconds since 1970), rounded=1 (all columns to whole
   numbers) */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"

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
    const double leak = change(t, "leak", -1), near = change(t, "near", -1), proxy = change(t, "proxy", -1),
                 scale = change(t, "scale", 1);
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
        if (proxy >= 0) {
            x[at++] = uniform(t) < proxy ? (int)(uniform(t) * t->classes) : t->y[r];
        }
        if (change(t, "known", 0) > 0) {
            x[at++] = t->y[r] > 0 ? 5 - 30 * log(uniform(t)) : 0;
        }
        if (change(t, "marker", 0) > 0) {
            x[at++] = t->y[r] == 1 && uniform(t) < change(t, "marker", 0) ? 1 : 0;
        }
        for (int k = 0; k < (int)change(t, "flat", 0); k++) {
            x[at++] = k;
        }
        x[base - 1] *= scale;
        x[0] = change(t, "clock", 0) > 0 ? 1.7e9 + 86400 * x[0] : x[0];
        for (int j = 0; j < base && change(t, "rounded", 0) > 0; j++) {
            x[j] = floor(x[j] + 0.5);
        }
        for (int j = 0; j < at; j++) {
            x[j] += change(t, "level", 0);
        }
        t->columns = at;
    }
}

static void change_targets(table *t)
{
    const double rare = change(t, "rare", 0), flip = change(t, "flip", 0), noted = change(t, "noted", 0);
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
        t->y[r] = noted > 0 && uniform(t) < noted ? -999 : t->y[r];
    }
}

static void write_row(table *t, int r, int place)
{
    const int behind = (int)change(t, "behind", 0), blank = change(t, "blank", 0) > 0;
    for (int j = 0; j < t->columns; j++) {
        const double sentinel = change(t, "sentinel", 0);
        if (place == (int)change(t, "nan", -1) && j == 1) {
            printf("nan,");
        } else {
            printf("%.9g,", sentinel > 0 && uniform(t) < sentinel ? -999 : blank ? 0 : t->x[r * COLUMNS_MAX + j]);
        }
    }
    if (change(t, "index", 0) > 0) {
        printf("%d,", place);
    }
    r = r >= behind ? r - behind : r;
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
        order[r] = repeat > 1 ? r % (t->rows / repeat) : uniform(t) < change(t, "some", 0) ? r / 2 : r / copies;
    }
    sorted_table = t;
    sorted_column = change(t, "bysize", 0) > 0 ? 0 : -1;
    if (change(t, "sorted", 0) > 0 || sorted_column == 0) {
        qsort(order, (size_t)t->rows, sizeof *order, by_key);
    }
    for (int j = 0; j < t->columns; j++) {
        printf("x%d,", j);
    }
    puts(change(t, "index", 0) > 0 ? "row,y" : "y");
    for (int r = 0; r < t->rows; r++) {
        const int times = t->y[order[r]] == 1 ? (int)change(t, "over", 1) : 1;
        for (int i = 0; i < times; i++) {
            write_row(t, order[r], r);
        }
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

static const kind *find(const char *name)
{
    const kind *k = kind_find(name);
    if (k == NULL) {
        fprintf(stderr, "no kind '%s'\n", name);
        exit(64);
    }
    return k;
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "weights") == 0) {
        return write_weights(argv);
    }
    if (argc == 3 && strcmp(argv[1], "outputs") == 0) {
        const int classes = find(argv[2])->classes;
        printf("%d\n", classes > 0 ? classes : 1);
        return 0;
    }
    if (argc < 4) {
        fputs("usage: tables KIND ROWS SEED [CHANGE=VALUE]...\n", stderr);
        return 64;
    }
    table t = {.kind = find(argv[1]), .rows = atoi(argv[2]), .nchanges = argc - 4, .change = argv + 4};
    t.state = (uint64_t)atoll(argv[3]) * 1000003u + 17;
    t.columns = t.kind->columns;
    t.x = calloc((size_t)t.rows * COLUMNS_MAX, sizeof *t.x);
    t.y = calloc((size_t)t.rows, sizeof *t.y);
    t.classes = (int)change(&t, "classes", t.kind->classes);
    t.classes = t.classes < CLASSES_MAX ? t.classes : CLASSES_MAX;
    double centre[CLASSES_MAX * COLUMNS_MAX];
    for (int i = 0; i < (t.classes > 3 ? t.classes : 3) * COLUMNS_MAX; i++) {
        centre[i] = normal(&t);
    }
    for (int r = 0; r < t.rows; r++) {
        double *x = t.x + r * COLUMNS_MAX;
        for (int j = 0; j < t.columns; j++) {
            x[j] = normal(&t);
        }
        t.kind->row(&t, x, &t.y[r], centre);
    }
    change_targets(&t);
    change_columns(&t);
    write_table(&t);
    free(t.x);
    free(t.y);
    return 0;
}
