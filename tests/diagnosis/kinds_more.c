/* More kinds: counts of words, strokes, categories, rhythms and walks, readings that hang together, graphs. As in
 * kinds.c. */
#include <math.h>
#include <stddef.h>

#include "kinds.h"

static const double pi = 3.141592653589793;

/* From 0 to n - 1, each 1 / (k + 1) times as often as the first. */
static int zipf(table *t, int n)
{
    double sum = 0, p = uniform(t);
    for (int k = 0; k < n; k++) {
        sum += 1.0 / (k + 1);
    }
    for (int k = 0; k < n; k++) {
        p -= 1 / (sum * (k + 1));
        if (p < 0) {
            return k;
        }
    }
    return n - 1;
}

/* ---- classes ---- */

/* A stroke of 5 pixels somewhere in an image of 8 x 8: lying, standing, falling, rising, or a corner. */
static void strokes(table *t, double *x, double *y, const double *centre)
{
    static const int over[5] = {1, 0, 1, 1, 0}, down[5] = {0, 1, 1, -1, 1};
    (void)centre;
    const int k = (int)(5 * uniform(t)), left = (int)(4 * uniform(t)), top = (int)(4 * uniform(t));
    const double ink = 0.7 + 0.3 * uniform(t);
    for (int j = 0; j < 64; j++) {
        x[j] *= 0.12;
    }
    for (int i = 0; i < 5; i++) {
        x[8 * (top + (k == 3 ? 4 : 0) + down[k] * i) + left + over[k] * i] += ink;
        x[8 * (top + 4) + left + (k == 4 ? i : 0)] += k == 4 && i > 0 ? ink : 0;
    }
    *y = k;
}

/* Counts of sixty words, by Zipf's law; each of five topics has words of its own, and texts differ in length. */
static void words(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int k = (int)(5 * uniform(t));
    const double length = exp(0.4 * normal(t));
    for (int j = 0; j < t->columns; j++) {
        x[j] = poisson(t, length * (j % 5 == k ? 3 : 1) * 6 / (j + 2));
    }
    *y = k;
}

/* Pulses in a series of forty: every six, or after waiting times without memory. */
static void rhythm(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int k = uniform(t) < 0.5, phase = (int)(6 * uniform(t));
    for (int j = 0; j < t->columns; j++) {
        x[j] = 0.25 * x[j] + (k ? j % 6 == phase : uniform(t) < 1.0 / 6);
    }
    *y = k;
}

/* What a bank knows of somebody: age, income, months, three flags, calls, share of credit used, region. */
static void credit(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const double wealth = x[1];
    x[0] = floor(20 + 60 * uniform(t));
    x[1] = floor(30000 * exp(0.6 * wealth));
    x[2] = floor(120 * uniform(t) * uniform(t));
    x[3] = uniform(t) < 0.6;
    x[4] = uniform(t) < 0.1;
    x[5] = uniform(t) < 0.3;
    x[6] = poisson(t, 1.5);
    x[7] = uniform(t) * uniform(t);
    x[8] = zipf(t, 6);
    *y = uniform(t) < 1 / (1 + exp(2.2 + 1.1 * wealth - 2.5 * x[4] - 3 * x[7] + 0.8 * x[3] - 0.4 * x[6]));
}

/* Six tokens, of which 5 is a mark; the token that follows it. */
static void recall(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int at = (int)((t->columns - 1) * uniform(t));
    for (int j = 0; j < t->columns; j++) {
        x[j] = (int)(5 * uniform(t));
    }
    x[at] = 5;
    *y = x[at + 1];
}

/* Ones and minus ones; whether the second half mirrors the first, but for one in eight. */
static void mirror(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int k = uniform(t) < 0.5, half = t->columns / 2;
    for (int j = 0; j < t->columns; j++) {
        x[j] = uniform(t) < 0.5 ? -1 : 1;
    }
    for (int j = 0; k && j < half; j++) {
        x[t->columns - 1 - j] = uniform(t) < 0.125 ? -x[j] : x[j];
    }
    *y = k;
}

/* The leaves of a tree of questions; one label in twenty is drawn. */
static void tree(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    for (int j = 0; j < t->columns; j++) {
        x[j] = uniform(t);
    }
    *y = x[0] < 0.5 ? (x[1] < 0.4 ? 0 : x[2] < 0.5 ? 1 : 2) : (x[3] < 0.6 ? 2 : x[4] < 0.3 ? 0 : 1);
    *y = uniform(t) < 0.05 ? (int)(3 * uniform(t)) : *y;
}

/* Centres as those of blobs, of which the first is met twelve times as often as the last. */
static void longtail(table *t, double *x, double *y, const double *centre)
{
    const int k = zipf(t, t->classes);
    for (int j = 0; j < t->columns; j++) {
        x[j] += 1.6 * centre[k * t->columns + j];
    }
    *y = k;
}

/* A machine that turns, of unknown phase and loudness; one that is broken has a weak tone three times as high. */
static void sensors(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int k = uniform(t) < 0.5;
    const double loud = exp(0.3 * normal(t)), phase = 2 * pi * uniform(t), other = 2 * pi * uniform(t);
    for (int j = 0; j < t->columns; j++) {
        const double turn = 2 * pi * 2 * j / t->columns;
        x[j] = loud * (sin(turn + phase) + (k ? 0.7 * sin(3 * turn + other) : 0)) + 0.2 * x[j];
    }
    *y = k;
}

/* Eighty genes, of which eight differ between ill and well. */
static void genes(table *t, double *x, double *y, const double *centre)
{
    const int k = uniform(t) < 0.5;
    for (int j = 0; j < 8; j++) {
        x[10 * j] += k ? (centre[j] > 0 ? 1.3 : -1.3) : 0;
    }
    *y = k;
}

/* A walk without a home, or one that is drawn back: as far out at any moment, on the average. */
static void walk(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int k = uniform(t) < 0.5;
    double at = normal(t);
    for (int j = 0; j < t->columns; j++) {
        const double push = x[j];
        x[j] = at;
        at = k ? 0.95 * at + 0.3122 * push : 0.3 * at + 0.954 * push;
    }
    *y = k;
}

/* Four hidden factors behind thirty readings; which of them is the largest. */
static void factors(table *t, double *x, double *y, const double *centre)
{
    double hidden[4];
    *y = 0;
    for (int f = 0; f < 4; f++) {
        hidden[f] = normal(t);
        *y = hidden[f] > hidden[(int)*y] ? f : *y;
    }
    for (int j = 0; j < t->columns; j++) {
        x[j] *= 0.5;
        for (int f = 0; f < 4; f++) {
            x[j] += 0.6 * centre[f * t->columns + j] * hidden[f];
        }
    }
}

/* ---- real targets ---- */

/* Columns without a variance, and a target that saturates in them. */
static void tails(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    for (int j = 0; j < t->columns; j++) {
        const double a = normal(t), b = normal(t);
        x[j] /= sqrt((a * a + b * b) / 2 + 1e-3);
    }
    *y = tanh(x[0]) - 0.6 * tanh(x[1]) + 0.4 * (x[2] > 0) + 0.2 * normal(t);
}

/* The next value of the logistic map, after eight that were read with a small error. */
static void chaos(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    double at = 0.1 + 0.8 * uniform(t);
    for (int j = -20; j < t->columns; j++) {
        at = 3.8 * at * (1 - at);
        if (j >= 0) {
            x[j] = at + 0.01 * x[j];
        }
    }
    *y = 3.8 * at * (1 - at);
}

/* Five categories of twelve levels, of which the first are frequent: effects, and what two of them share. */
static void shop(table *t, double *x, double *y, const double *centre)
{
    *y = 0.2 * normal(t);
    for (int j = 0; j < t->columns; j++) {
        const int level = zipf(t, 12);
        x[j] = level;
        *y += 0.5 * centre[12 * j + level];
    }
    *y += 0.4 * centre[60 + (int)x[0]] * centre[80 + (int)x[1]];
}

/* Marks from 3 to 8 by readings that share a cause, each in units of its own. */
static void wine(table *t, double *x, double *y, const double *centre)
{
    static const double unit[11] = {1, 0.1, 0.2, 5, 0.02, 10, 30, 0.002, 0.15, 0.1, 1};
    static const double middle[11] = {8, 0.5, 0.3, 6, 0.08, 16, 46, 0.997, 3.3, 0.65, 10.4};
    const double shared = normal(t);
    double score = 5.6 + 0.6 * normal(t);
    for (int j = 0; j < t->columns; j++) {
        const double z = 0.7 * x[j] + 0.7 * shared * (centre[20 + j] > 0 ? 1 : -1);
        score += 0.35 * centre[j] * z;
        x[j] = middle[j] + unit[j] * z;
    }
    *y = floor(score + 0.5) < 3 ? 3 : floor(score + 0.5) > 8 ? 8 : floor(score + 0.5);
}

/* Claims in a year: counts whose rate differs from one to the next beyond what is known of them. */
static void claims(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    x[1] = uniform(t) < 0.4;
    x[2] = (int)(5 * uniform(t));
    *y = poisson(t, exp(0.6 * x[0] + 0.5 * x[1] - 0.2 * x[2] + 0.3 * normal(t)));
}

/* Where the end of an arm of two parts is, by its angles: across, and (the last column) up. */
static void arm(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    x[0] = pi * (uniform(t) - 0.5);
    x[1] = pi * (uniform(t) - 0.5);
    *y = cos(x[0]) + 0.7 * cos(x[0] + x[1]) + 0.02 * normal(t);
    x[2] = sin(x[0]) + 0.7 * sin(x[0] + x[1]) + 0.02 * x[2];
}

/* Forty readings of a spectrum: three bands that overlap, a base line that drifts; how much there is of the first. */
static void spectrum(table *t, double *x, double *y, const double *centre)
{
    static const double place[3] = {12, 18, 27}, width[3] = {4, 5, 6};
    (void)centre;
    double amount[3];
    const double base = 0.2 * normal(t), drift = 0.01 * normal(t);
    for (int b = 0; b < 3; b++) {
        amount[b] = uniform(t);
    }
    for (int j = 0; j < t->columns; j++) {
        x[j] = base + drift * j + 0.02 * x[j];
        for (int b = 0; b < 3; b++) {
            const double u = (j - place[b]) / width[b];
            x[j] += amount[b] * exp(-u * u / 2);
        }
    }
    *y = amount[0];
}

/* Which parts a molecule has, and what they do, alone and two by two. */
static void molecules(table *t, double *x, double *y, const double *centre)
{
    *y = 0.3 * normal(t);
    for (int j = 0; j < t->columns; j++) {
        x[j] = uniform(t) < 0.08 + 0.4 / (1 + j % 8);
        *y += 0.4 * centre[j] * x[j] + (j > 0 ? 0.3 * centre[80 + j] * x[j] * x[j - 1] : 0);
    }
}

/* ---- graphs, sequences, images of pixels ---- */

/* A person in a graph of three communities: four traits, the means of eight friends' (two of them from elsewhere), how
   many there are. */
static void friends(table *t, double *x, double *y, const double *centre)
{
    enum { TRAITS = 4, FRIENDS = 8 };
    const int k = (int)(3 * uniform(t));
    for (int j = 0; j < TRAITS; j++) {
        x[j] = 0.5 * centre[4 * k + j] + x[j];
        x[TRAITS + j] = 0;
    }
    for (int f = 0; f < FRIENDS; f++) {
        const int group = uniform(t) < 0.25 ? (int)(3 * uniform(t)) : k;
        for (int j = 0; j < TRAITS; j++) {
            x[TRAITS + j] += (0.5 * centre[4 * group + j] + normal(t)) / FRIENDS;
        }
    }
    x[8] = FRIENDS + poisson(t, 3);
    *y = k;
}

/* Load of a grid: hour and weekday by their angles, temperature, the load of yesterday; noise of long tails. */
static void load(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const double hour = (int)(24 * uniform(t)), day = (int)(7 * uniform(t)), warm = x[4];
    x[0] = sin(2 * pi * hour / 24);
    x[1] = cos(2 * pi * hour / 24);
    x[2] = day > 4;
    x[3] = day / 7;
    const double base = -0.7 * x[1] - 0.3 * x[0] - 0.6 * x[2] + 0.25 * warm * warm;
    x[5] = base + 0.4 * x[5];
    const double a = normal(t), b = normal(t);
    *y = base + 0.3 * normal(t) / sqrt((a * a + b * b) / 2 + 0.1);
}

/* Bytes of an image of 8 x 8: none, one, two or three spots on a ground that is not black. */
static void spots(table *t, double *x, double *y, const double *centre)
{
    (void)centre;
    const int k = (int)(4 * uniform(t));
    const double ground = 30 + 40 * uniform(t);
    for (int j = 0; j < t->columns; j++) {
        x[j] = ground + 10 * x[j];
    }
    for (int s = 0; s < k; s++) {
        const int top = 1 + 4 * (s / 2) + (int)(2 * uniform(t)), left = 1 + 4 * (s % 2) + (int)(2 * uniform(t));
        for (int j = 0; j < 9; j++) {
            x[8 * (top + j / 3 - 1) + left + j % 3 - 1] += j % 2 == 0 && j != 4 ? 70 : 140;
        }
    }
    for (int j = 0; j < t->columns; j++) {
        x[j] = x[j] < 0 ? 0 : x[j] > 255 ? 255 : floor(x[j]);
    }
    *y = k;
}

/* Thirty letters of four; whether the word 3 0 3 0 is among them, with one letter in ten misread. */
static void genome(table *t, double *x, double *y, const double *centre)
{
    static const int word[4] = {3, 0, 3, 0};
    (void)centre;
    const int k = uniform(t) < 0.5, at = (int)((t->columns - 4) * uniform(t));
    for (int j = 0; j < t->columns; j++) {
        x[j] = (int)(4 * uniform(t));
        x[j] = k && j >= at && j < at + 4 && uniform(t) > 0.1 ? word[j - at] : x[j];
    }
    *y = k;
}

/* Alarms of twelve machines in an hour: none at all in most hours; whether somebody had to go. */
static void alarms(table *t, double *x, double *y, const double *centre)
{
    double sum = -1;
    const int quiet = uniform(t) < 0.6;
    for (int j = 0; j < t->columns; j++) {
        x[j] = quiet ? 0 : poisson(t, 0.5 + 1.5 * (j % 3 == 0));
        sum += (0.3 + 0.3 * fabs(centre[j])) * x[j];
    }
    *y = uniform(t) < 1 / (1 + exp(2 - 0.8 * sum));
}

/* A blood test of ten values, lognormal and in units of their own, and an outcome by three of them. */
static void blood(table *t, double *x, double *y, const double *centre)
{
    static const double unit[10] = {140, 4.2, 90, 0.9, 38, 25, 13, 250, 7, 1.2};
    const double shared = normal(t);
    double sum = 0.2;
    for (int j = 0; j < t->columns; j++) {
        const double z = 0.8 * x[j] + 0.6 * shared * (centre[j] > 0 ? 1 : -1);
        sum += j < 3 ? 1.1 * z * (j % 2 == 0 ? 1 : -1) : 0;
        x[j] = unit[j % 10] * exp(0.25 * z);
    }
    *y = uniform(t) < 1 / (1 + exp(-sum));
}

/* Who rated what: the numbers of a reader and of a book (60 and 40, which begin at 60), and a mark by the product of
   two tastes of each, which have no columns. */
static void ratings(table *t, double *x, double *y, const double *centre)
{
    const int reader = (int)(60 * uniform(t)), book = (int)(40 * uniform(t));
    double sum = 0;
    for (int k = 0; k < 2; k++) {
        sum += sin(1.7 * reader * (k + 1) + centre[k]) * cos(2.3 * book * (k + 1) + centre[k]);
    }
    x[0] = reader;
    x[1] = 60 + book;
    *y = 3.5 + sum + 0.2 * normal(t);
}

static const kind kinds[] = {
    {"strokes", 64, 5, strokes},   {"words", 60, 5, words},         {"rhythm", 40, 2, rhythm},
    {"credit", 9, 2, credit},      {"recall", 12, 5, recall},       {"mirror", 12, 2, mirror},
    {"tree", 7, 3, tree},          {"longtail", 10, 12, longtail},  {"sensors", 32, 2, sensors},
    {"genes", 80, 2, genes},       {"walk", 20, 2, walk},           {"factors", 30, 4, factors},
    {"tails", 10, 0, tails},       {"chaos", 8, 0, chaos},          {"shop", 5, 0, shop},
    {"wine", 11, 0, wine},         {"claims", 6, 0, claims},        {"arm", 3, 0, arm},
    {"spectrum", 40, 0, spectrum}, {"molecules", 48, 0, molecules}, {"friends", 9, 3, friends},
    {"load", 6, 0, load},          {"spots", 64, 4, spots},         {"genome", 30, 2, genome},
    {"alarms", 12, 2, alarms},     {"blood", 10, 2, blood},         {"ratings", 2, 0, ratings}};

const kind *kinds_more(int *count)
{
    *count = (int)(sizeof kinds / sizeof *kinds);
    return kinds;
}
