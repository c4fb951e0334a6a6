/* How a row of each kind is drawn. `centre` are standard normals that a table has once, for what its rows share. */
#include "kinds.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const double pi = 3.141592653589793;

double uniform(table *t)
{
    t->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = t->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

double normal(table *t)
{
    const double r = sqrt(-2 * log(uniform(t)));
    return r * cos(2 * pi * uniform(t));
}

double poisson(table *t, double rate)
{
    double count = 0, left = exp(-rate), p = uniform(t), at = left;
    for (; p > at && count < 100; ++count) {
        left *= rate / (count + 1);
        at += left;
    }
    return count;
}

/* ---- classes ---- */

/* A centre for each class. */
static void blob_row(table *t, double *x, double *y, const double *centre, double apart)
{
    const int k = (int)(uniform(t) * t->classes);
    for (int j = 0; j < t->columns; j++) {
        x[j] = apart * centre[k * t->columns + j] + normal(t);
    }
    *y = k;
}

static void blobs(table *t, double *x, double *y, const double *centre)
{
    blob_row(t, x, y, centre, 1.2);
}

static void two(table *t, double *x, double *y, const double *centre)
{
    blob_row(t, x, y, centre, 0.45);
}

static void far(table *t, double *x, double *y, const double *centre)
{
    blob_row(t, x, y, centre, 4);
}

/* Bars of an image of 8 x 8, in 4 places. */
static void images(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int k = (int)(uniform(t) * 4), at = (int)(uniform(t) * 4);
    for (int j = 0; j < 64; j++) {
        const int line = k < 2 ? j / 8 : j % 8;
        x[j] = (line == at + (k % 2) * 4 ? 1.0 : 0.0) + 0.3 * normal(t);
    }
    *y = k;
}

/* A square, a cross or a disc of 5 x 5 somewhere in an image of 8 x 8. */
static void shapes(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int k = (int)(uniform(t) * 3), top = (int)(uniform(t) * 4), left = (int)(uniform(t) * 4);
    for (int j = 0; j < 64; j++) {
        const int v = j / 8 - top - 2, u = j % 8 - left - 2, in = v >= -2 && v <= 2 && u >= -2 && u <= 2;
        const int edge = v == -2 || v == 2 || u == -2 || u == 2;
        const int on = k == 0 ? edge : k == 1 ? v == 0 || u == 0 : u * u + v * v < 5;
        x[j] = (in && on ? 1.0 : 0.0) + 0.4 * normal(t);
    }
    *y = k;
}

/* Two half circles. */
static void moons(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int k = uniform(t) < 0.5;
    const double angle = pi * uniform(t);
    x[0] = (k ? 1 - cos(angle) : cos(angle)) + 0.15 * normal(t);
    x[1] = (k ? 0.5 - sin(angle) : sin(angle)) + 0.15 * normal(t);
    *y = k;
}

static void stripes(table *t, double *x, double *y, const double *centre)
{
    (void)t, (void)centre;
    *y = (int)floor(1.5 * x[0] + 100) % 2;
}

/* Sines of 3 frequencies. */
static void waves(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int k = (int)(uniform(t) * 3);
    const double phase = 2 * pi * uniform(t);
    for (int j = 0; j < t->columns; j++) {
        x[j] = sin(2 * pi * (k + 1) * j / t->columns + phase) + 0.4 * normal(t);
    }
    *y = k;
}

/* Few ones among zeros. */
static void sparse(table *t, double *x, double *y, const double *centre)
{
    double sum = 0;
    for (int j = 0; j < t->columns; j++) {
        x[j] = uniform(t) < 0.15;
        sum += centre[j] * (x[j] - 0.15);
    }
    *y = sum + 0.3 * normal(t) > 0;
}

/* Thresholds of a noisy score. */
static void ordinal(table *t, double *x, double *y, const double *centre)
{
    double sum = 0;
    for (int j = 0; j < t->columns; j++) {
        sum += centre[j] * x[j] / sqrt(t->columns);
    }
    sum += 0.4 * normal(t);
    *y = (sum > -1) + (sum > -0.35) + (sum > 0.35) + (sum > 1);
}

static void rings(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const double angle = 2 * pi * uniform(t);
    const int k = uniform(t) < 0.5;
    x[0] = (1 + 1.5 * k + 0.15 * normal(t)) * cos(angle);
    x[1] = (1 + 1.5 * k + 0.15 * normal(t)) * sin(angle);
    *y = k;
}

static void product(table *t, double *x, double *y, const double *centre)
{
    (void)t, (void)centre;
    *y = x[0] * x[1] > 0;
}

static void parity(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    int ones = 0;
    for (int j = 0; j < t->columns; j++) {
        x[j] = uniform(t) < 0.5 ? -1 : 1;
        ones += x[j] > 0;
    }
    *y = ones % 2;
}

/* The fields of a board of 4 x 4. */
static void checker(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    x[0] = 4 * uniform(t);
    x[1] = 4 * uniform(t);
    *y = ((int)x[0] + (int)x[1]) % 2;
}

/* One mean, spreads of 0.6, 1.2 and 2.4: by Bayes' rule 85 % can be told. */
static void cones(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int k = (int)(uniform(t) * 3);
    for (int j = 0; j < t->columns; j++) {
        x[j] *= 0.6 * (1 << k);
    }
    *y = k;
}

/* A logistic law: about 83 % can be told. */
static void dose(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    *y = uniform(t) < 1 / (1 + exp(-2 * x[0] - 1.5 * x[1] + x[2]));
}

/* Zeros and ones of a pattern of each class, one in eight turned over. */
static void teams(table *t, double *x, double *y, const double *centre)
{
    const int k = (int)(uniform(t) * t->classes);
    for (int j = 0; j < t->columns; j++) {
        x[j] = (centre[k * t->columns + j] > 0) != (uniform(t) < 0.125);
    }
    *y = k;
}

/* Ten of twelve words: fewer, as many, or more of the first four than of the last four. */
static void tokens(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    int more = 0;
    for (int j = 0; j < t->columns; j++) {
        const int word = (int)(12 * uniform(t));
        x[j] = word;
        more += (word < 4) - (word > 7);
    }
    *y = more < 0 ? 0 : more == 0 ? 1 : 2;
}

/* Counts of sixteen things; each class has four that are three times as frequent. */
static void clicks(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int k = (int)(4 * uniform(t));
    for (int j = 0; j < t->columns; j++) {
        x[j] = poisson(t, j / 4 == k ? 1.2 : 0.4);
    }
    *y = k;
}

/* Centres that differ less than what all columns share. */
static void ellipse(table *t, double *x, double *y, const double *centre)
{
    const int k = (int)(t->classes * uniform(t));
    const double shared = 1.8 * normal(t);
    for (int j = 0; j < t->columns; j++) {
        x[j] = 0.9 * centre[k * t->columns + j] + shared + 0.5 * x[j];
    }
    *y = k;
}

/* Answers from 1 to 5 that a hidden quantity moves; which third of it. */
static void survey(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const double hidden = normal(t);
    for (int j = 0; j < t->columns; j++) {
        const double answer = floor(3.5 + 1.1 * (0.8 * hidden + 0.6 * x[j]));
        x[j] = answer < 1 ? 1 : answer > 5 ? 5 : answer;
    }
    *y = (hidden > -0.43) + (hidden > 0.43);
}

/* Whether there is a bump somewhere in the noise. */
static void motif(table *t, double *x, double *y, const double *centre)
{
    static const double bump[5] = {0.8, 1.6, 2, 1.6, 0.8};
    (void)centre;
    const int at = (int)((t->columns - 5) * uniform(t)), k = uniform(t) < 0.5;
    for (int j = 0; j < t->columns; j++) {
        x[j] = 0.5 * x[j] + (k && j >= at && j < at + 5 ? bump[j - at] : 0);
    }
    *y = k;
}

/* Sixths of a circle, and a column of nothing. */
static void angles(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const double turn = uniform(t);
    x[0] = cos(2 * pi * turn) + 0.1 * x[0];
    x[1] = sin(2 * pi * turn) + 0.1 * x[1];
    *y = (int)(6 * turn);
}

/* Which of six is the largest. */
static void ranks(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    *y = 0;
    for (int j = 1; j < t->columns; j++) {
        *y = x[j] > x[(int)*y] ? j : *y;
    }
}

/* The majority of seven of ten votes, one in twenty miscounted. */
static void ballot(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    int yes = 0;
    for (int j = 0; j < t->columns; j++) {
        x[j] = uniform(t) < 0.5;
        yes += j < 7 && x[j] > 0;
    }
    *y = (yes > 3) != (uniform(t) < 0.05);
}

/* Two letters that follow one another somewhere in ten of five. */
static void pairs(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    *y = 0;
    for (int j = 0; j < t->columns; j++) {
        x[j] = (int)(5 * uniform(t));
        *y = j > 0 && x[j - 1] == 1 && x[j] == 2 ? 1 : *y;
    }
}

/* Three classes along a curve in space, with noise. */
static void helix(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const double turn = uniform(t);
    *y = (int)(3 * uniform(t));
    x[0] = cos(2 * pi * (turn + *y / 3)) + 0.15 * x[0];
    x[1] = sin(2 * pi * (turn + *y / 3)) + 0.15 * x[1];
    x[2] = 2 * turn - 1 + 0.05 * x[2];
}

/* ---- real targets ---- */

static void linear(table *t, double *x, double *y, const double *centre)
{
    *y = 0;
    for (int j = 0; j < t->columns; j++) {
        *y += centre[j] * x[j] / sqrt(t->columns);
    }
}

static void curve(table *t, double *x, double *y, const double *centre)
{
    (void)t, (void)centre;
    *y = sin(2 * x[0]) + 0.5 * x[1] * x[2] + 0.3 * x[3];
}

static void ripple(table *t, double *x, double *y, const double *centre)
{
    (void)t, (void)centre;
    *y = sin(3 * x[0]) * cos(2 * x[1]);
}

static void counts(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    *y = poisson(t, exp(0.5 * x[0] - 0.3 * x[1] + 0.5));
}

/* Columns that are correlated. */
static void patients(table *t, double *x, double *y, const double *centre)
{
    const double shared = normal(t);
    *y = 0;
    for (int j = 0; j < t->columns; j++) {
        x[j] = 0.6 * shared + 0.8 * x[j];
        *y += 0.4 * centre[j] * x[j];
    }
    *y += normal(t);
}

static void friedman(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    for (int j = 0; j < t->columns; j++) {
        x[j] = uniform(t);
    }
    *y = 0.2 * (10 * sin(pi * x[0] * x[1]) + 20 * (x[2] - 0.5) * (x[2] - 0.5) + 10 * x[3] + 5 * x[4] - 14);
}

static void steps(table *t, double *x, double *y, const double *centre)
{
    (void)t, (void)centre;
    *y = (x[0] > 0) + (x[1] > 0.5) - (x[2] > -0.5) * (x[3] > 0);
}

/* Noise of long tails. */
static void heavy(table *t, double *x, double *y, const double *centre)
{
    linear(t, x, y, centre);
    const double a = normal(t), b = normal(t), c = normal(t);
    *y += 0.4 * normal(t) / sqrt((a * a + b * b + c * c) / 3 + 0.05);
}

/* Three factors of five levels, a column for each level: exactly dependent beside an intercept. */
static void levels(table *t, double *x, double *y, const double *centre)
{
    int level[3];
    for (int j = 0; j < t->columns; j++) {
        x[j] = 0;
    }
    *y = 0.15 * normal(t);
    for (int f = 0; f < 3; f++) {
        level[f] = (int)(5 * uniform(t));
        x[5 * f + level[f]] = 1;
        *y += 0.5 * centre[5 * f + level[f]];
    }
    *y += 0.4 * centre[15 + level[0]] * (level[1] % 2 == 0 ? 1 : -1);
}

/* The next value of an oscillation that is driven by noise, after twelve; variance 1, of which 0.0755 is new. */
static void lags(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    double a = normal(t), b = 0.89 * a + 0.46 * normal(t);
    for (int j = -30; j <= t->columns; j++) {
        const double next = 1.6 * b - 0.8 * a + 0.2748 * normal(t);
        a = b;
        b = next;
        if (j == t->columns) {
            *y = next;
        } else if (j >= 0) {
            x[j] = next;
        }
    }
}

/* Noise whose size hangs on a column: 0.83 of the variance can be told. */
static void gauge(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    *y = 0.8 * x[0] + 0.5 * x[1] + exp(0.6 * x[2] - 1.2) * normal(t);
}

/* Columns of long tails, and a target that is linear in their logarithms. */
static void skew(table *t, double *x, double *y, const double *centre)
{
    linear(t, x, y, centre);
    *y += 0.2 * normal(t);
    for (int j = 0; j < t->columns; j++) {
        x[j] = exp(x[j]);
    }
}

/* Many columns, four that matter: 0.8 of the variance. */
static void broad(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    *y = 0.5 * (x[0] - x[1] + x[2] - x[3]) + 0.5 * normal(t);
}

static void pendulum(table *t, double *x, double *y, const double *centre)
{
    (void)t, (void)centre;
    *y = 0.8 * x[1] - 0.7 * sin(2 * x[0]);
}

/* A target of a long tail. */
static void auction(table *t, double *x, double *y, const double *centre)
{
    linear(t, x, y, centre);
    *y = exp(0.6 * *y + 0.25 * normal(t));
}

/* Places on a map of 12 x 12. */
static void grid(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    x[0] = (int)(12 * uniform(t));
    x[1] = (int)(12 * uniform(t));
    *y = sin(0.5 * x[0]) * cos(0.4 * x[1]) + 0.1 * normal(t);
}

/* Hour, weekday and wind: what repeats each day, a weekend, and noise. */
static void tides(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    x[0] = (int)(24 * uniform(t));
    x[1] = (int)(7 * uniform(t));
    *y = sin(2 * pi * x[0] / 24) + 0.4 * (x[1] > 4) + 0.4 * x[2] + 0.15 * normal(t);
}

/* The rate of something that fades, from sixteen readings. */
static void fading(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const double rate = 0.2 + 2 * uniform(t), height = 1 + uniform(t);
    for (int j = 0; j < t->columns; j++) {
        x[j] = height * exp(-rate * j / 5) + 0.03 * x[j];
    }
    *y = rate;
}

/* What two resistors and a third in parallel let through, measured to a few percent. */
static void circuit(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    for (int j = 0; j < t->columns; j++) {
        x[j] = exp(0.5 * x[j]);
    }
    *y = (1 + 0.03 * normal(t)) * x[3] / (x[0] + x[1] * x[2] / (x[1] + x[2]));
}

static const kind kinds[] = {{"blobs", 6, 3, blobs},
                             {"two", 6, 2, two},
                             {"far", 6, 2, far},
                             {"images", 64, 4, images},
                             {"shapes", 64, 3, shapes},
                             {"moons", 2, 2, moons},
                             {"stripes", 2, 2, stripes},
                             {"waves", 32, 3, waves},
                             {"sparse", 24, 2, sparse},
                             {"ordinal", 8, 5, ordinal},
                             {"rings", 2, 2, rings},
                             {"xor", 4, 2, product},
                             {"product", 6, 2, product},
                             {"parity", 4, 2, parity},
                             {"checker", 2, 2, checker},
                             {"cones", 6, 3, cones},
                             {"dose", 5, 2, dose},
                             {"teams", 20, 8, teams},
                             {"tokens", 10, 3, tokens},
                             {"linear", 8, 0, linear},
                             {"tall", 20, 0, linear},
                             {"curve", 6, 0, curve},
                             {"ripple", 2, 0, ripple},
                             {"counts", 4, 0, counts},
                             {"patients", 10, 0, patients},
                             {"friedman", 10, 0, friedman},
                             {"steps", 5, 0, steps},
                             {"heavy", 8, 0, heavy},
                             {"levels", 15, 0, levels},
                             {"lags", 12, 0, lags},
                             {"gauge", 6, 0, gauge},
                             {"skew", 8, 0, skew},
                             {"broad", 60, 0, broad},
                             {"clicks", 16, 4, clicks},
                             {"ellipse", 4, 3, ellipse},
                             {"survey", 12, 3, survey},
                             {"motif", 24, 2, motif},
                             {"angles", 3, 6, angles},
                             {"pendulum", 2, 0, pendulum},
                             {"auction", 6, 0, auction},
                             {"grid", 2, 0, grid},
                             {"pairs", 10, 2, pairs},
                             {"helix", 3, 3, helix},
                             {"circuit", 4, 0, circuit},
                             {"ranks", 6, 6, ranks},
                             {"ballot", 10, 2, ballot},
                             {"tides", 3, 0, tides},
                             {"fading", 16, 0, fading}};

const kind *kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    int more;
    const kind *other = kinds_more(&more);
    for (int i = 0; i < more; i++) {
        if (strcmp(other[i].name, name) == 0) {
            return &other[i];
        }
    }
    return NULL;
}
