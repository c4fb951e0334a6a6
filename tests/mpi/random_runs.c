/* Random trainings on one layout, one line each: number, status, hashes of the state, of the log of metrics without
   timing, and of final.h5; what does not train says why. tests/long/random_runs compares the lines of several layouts.
   Networks take shapes as they come: any layer that fits, read by any later one. Arguments: SEED FIRST COUNT FOLDER
     node=K   ranks of a node; messages are as short as a block allows, which the pulse counts on
     stop     each run ends after one to three steps, or at once where a single rank is told to */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/shape.h"
#include "base/text.h"
#include "run/run.h"

enum { VALUES = 16, REALS_MOST = 4096 };

typedef struct draw {
    uint64_t seed;
    uint32_t number, at;
    as_text text;
    int n; /* values that a layer may read, beside the last one */
    as_shape shape[VALUES];
} draw;

/* A number of 0 to n - 1. */
static int below(draw *d, int n)
{
    uint32_t word[4];
    as_rng_words(d->seed, AS_RNG_TEST, d->number, 0, d->at++, word);
    return (int)(word[0] % (uint32_t)n);
}

static bool chance(draw *d, int percent)
{
    return below(d, 100) < percent;
}

#define ONE_OF(d, ...)                                                                                                 \
    ((const char *const[]){__VA_ARGS__})[below(d, (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))]

static const char *activation(draw *d)
{
    return ONE_OF(d, "relu", "{leaky_relu: {slope: 0.2}}", "elu", "silu", "gelu", "{gelu: {form: tanh}}", "tanh",
                  "sigmoid", "softplus");
}

/* Common keys of a layer, and its place among the values. */
static void end_layer(draw *d, as_shape out, bool learns)
{
    as_text_add(&d->text, ", name: v%d%s", d->n, chance(d, 12) ? ", recompute: true" : "");
    if (learns && chance(d, 10)) {
        as_text_add(&d->text, ", freeze: true");
    } else if (learns && chance(d, 10)) {
        as_text_add(&d->text, ", lr: %s", ONE_OF(d, "0", "0.1", "3"));
    }
    as_text_add(&d->text, "}\n");
    d->shape[d->n++] = out;
}

static bool same_shape(const as_shape *a, const as_shape *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]) == 0;
}

/* A value of the same shape as the last one; itself at the least. */
static int twin(draw *d)
{
    int found = d->n - 1;
    for (int i = d->n - 2; i > 0; i--) {
        found = same_shape(&d->shape[i], &d->shape[d->n - 1]) && chance(d, 50) ? i : found;
    }
    return found;
}

/* Layers that keep the shape. */
static void add_plain(draw *d, as_shape x)
{
    const int last = d->n - 1, channels = (int)x.dim[x.rank - 1];
    switch (below(d, 12)) {
    case 0:
        as_text_add(&d->text, "    - dropout: {rate: %s", ONE_OF(d, "0", "0.1", "0.6"));
        end_layer(d, x, false);
        return;
    case 1:
        as_text_add(&d->text, "    - layer_norm: {bias: %s", ONE_OF(d, "true", "false"));
        break;
    case 2:
        as_text_add(&d->text, "    - rms_norm: {eps: 1.0e-6");
        break;
    case 3:
        as_text_add(&d->text, "    - affine: {bias: %s", ONE_OF(d, "true", "false"));
        break;
    case 4:
        as_text_add(&d->text, "    - batch_norm: {over: %s, relu: %s", ONE_OF(d, "lane", "batch"),
                    ONE_OF(d, "true", "false"));
        if (last > 0 && chance(d, 40)) {
            as_text_add(&d->text, ", from: [v%d, v%d]", last, twin(d));
        }
        break;
    case 5:
        as_text_add(&d->text, "    - group_norm: {groups: %d", channels % 2 == 0 ? 2 : 1);
        break;
    case 6:
        as_text_add(&d->text, "    - softmax: {name: v%d}\n", d->n);
        d->shape[d->n++] = x;
        return;
    case 7:
        as_text_add(&d->text, "    - scale: {factor: %s", ONE_OF(d, "-1", "0.5"));
        end_layer(d, x, false);
        return;
    case 8:
    case 9:
        if (last == 0) {
            return;
        }
        as_text_add(&d->text, "    - %s: {from: [v%d, v%d]", ONE_OF(d, "add", "add", "mul"), last, twin(d));
        end_layer(d, x, false);
        return;
    case 10:
        as_text_add(&d->text, x.rank == 1 ? "    - stochastic_depth: {rate: 0.3" : "    - dropout_channel: {rate: 0.3");
        end_layer(d, x, false);
        return;
    default:
        as_text_add(&d->text, "    - dense: {units: %d, over: last, activation: %s", channels, activation(d));
        break;
    }
    end_layer(d, x, true);
}

/* Layers of sequences (T, D). */
static void add_sequence(draw *d, as_shape x)
{
    const int channels = (int)x.dim[1], units = 2 * (1 + below(d, 4));
    as_shape y = {.rank = 2, .dim = {x.dim[0], units}};
    switch (below(d, 4)) {
    case 0:
        as_text_add(&d->text, "    - attention: {heads: %d, causal: %s, rotary: %s, units: %d%s",
                    channels % 4 == 0 ? 2 : 1, ONE_OF(d, "true", "false"), channels % 4 == 0 ? "true" : "false", units,
                    chance(d, 20) ? ", lora: 2" : "");
        break;
    case 1:
    case 2:
        as_text_add(&d->text, "    - %s: {units: %d, output: ", ONE_OF(d, "lstm", "gru"), units);
        if (chance(d, 30)) {
            as_text_add(&d->text, "last");
            y = (as_shape){.rank = 1, .dim = {units}};
        } else {
            as_text_add(&d->text, "all");
        }
        break;
    default:
        as_text_add(&d->text, "    - position: {kind: %s", ONE_OF(d, "learned", "sinusoidal"));
        y = x;
        break;
    }
    end_layer(d, y, true);
}

/* Convolutions and pools over one to three axes. */
static void add_spatial(draw *d, as_shape x)
{
    const int axes = x.rank - 1, channels = (int)x.dim[axes], kind = below(d, 6);
    as_shape y = x;
    if (kind <= 2) {
        const int stride = 1 + below(d, 2), groups = channels % 2 == 0 && chance(d, 30) ? channels : 1;
        const int out = groups > 1 ? groups : 1 + below(d, 9);
        as_text_add(&d->text, "    - conv%dd: {channels: %d, kernel: %d, stride: %d, groups: %d", axes, out,
                    1 + below(d, 4), stride, groups);
        as_text_add(&d->text, ", activation: %s, bias: %s", activation(d), ONE_OF(d, "true", "false"));
        for (int a = 0; a < axes; a++) {
            y.dim[a] = (x.dim[a] + stride - 1) / stride;
        }
        y.dim[axes] = out;
    } else if (kind == 3) {
        as_text_add(&d->text, "    - conv_transpose: {channels: 3, kernel: 3, stride: 2");
        for (int a = 0; a < axes; a++) {
            y.dim[a] = 2 * x.dim[a];
        }
        y.dim[axes] = 3;
    } else if (kind == 4) {
        as_text_add(&d->text, "    - %s: {size: 2, padding: same", ONE_OF(d, "max_pool", "avg_pool"));
        for (int a = 0; a < axes; a++) {
            y.dim[a] = (x.dim[a] + 1) / 2;
        }
    } else {
        as_text_add(&d->text, "    - global_pool: {kind: %s", ONE_OF(d, "mean", "max"));
        y = (as_shape){.rank = 1, .dim = {channels}};
    }
    end_layer(d, y, kind <= 3);
}

static void add_layer(draw *d)
{
    const as_shape x = d->shape[d->n - 1];
    const int before = d->n;
    const size_t size = d->text.size;
    if (x.rank > 1 && chance(d, 55)) {
        if (x.rank == 2 && chance(d, 60)) {
            add_sequence(d, x);
        } else {
            add_spatial(d, x);
        }
    } else if (chance(d, 30)) {
        const int units = 1 + below(d, 18);
        as_text_add(&d->text, "    - dense: {units: %d, activation: %s%s", units, activation(d),
                    chance(d, 15) ? ", lora: {rank: 2, alpha: 3}" : "");
        end_layer(d, (as_shape){.rank = 1, .dim = {units}}, true);
    } else {
        add_plain(d, x);
    }
    if (d->n > before && as_shape_size(&d->shape[d->n - 1]) > REALS_MOST) {
        d->n = before; /* too much for a small test */
        d->text.data[d->text.size = size] = '\0';
    }
}

static void add_optimizer(draw *d)
{
    as_text_add(&d->text, "optimizer: {lr: %s, weight_decay: %s, type: %s", ONE_OF(d, "1.0e-3", "0.01"),
                ONE_OF(d, "0", "0.01"),
                ONE_OF(d, "sgd, momentum: 0.9, nesterov: true", "sgd", "rmsprop, centered: true, momentum: 0.9",
                       "adagrad", "adam, amsgrad: true", "adam", "adamw", "nadam", "lion", "lamb",
                       "lamb, vectors: true", "lars", "adafactor", "muon", "muon, adjust: original"));
    as_text_add(&d->text, "%s}\n", chance(d, 20) ? ", groups: [{match: '*.bias', lr: 0.5}]" : "");
    as_text_add(&d->text, "schedule: {type: %s}\n",
                ONE_OF(d, "constant, warmup: 3", "step, every: 2 steps", "multistep, milestones: [2, 4], unit: steps",
                       "exponential, every: 2 steps", "polynomial, power: 2", "cosine, warmup: 1", "one_cycle",
                       "plateau, patience: 0, factor: 0.5", "sweep"));
}

static void add_training(draw *d)
{
    as_text_add(&d->text, "train: {steps: %d, batch: %s, eval_batch: %s", 3 + below(d, 4),
                ONE_OF(d, "3", "17", "64", "200"), ONE_OF(d, "7", "1000"));
    as_text_add(&d->text, "%s%s", chance(d, 30) ? ", clip_norm: 0.5" : "", chance(d, 20) ? ", clip_value: 0.05" : "");
    as_text_add(&d->text, "%s%s", chance(d, 40) ? ", ema: 0.8" : "", chance(d, 40) ? ", micro_batch: 5" : "");
    as_text_add(&d->text, "}\nprobe: {every: %s, pulse: %s}\n", ONE_OF(d, "never", "never", "2 steps"),
                ONE_OF(d, "auto", "off", "2 steps"));
}

static void add_network(draw *d)
{
    const bool reals = chance(d, 25), text = !reals && chance(d, 15), merges = chance(d, 50);
    static const as_shape shapes[] = {{3, {8, 8, 1}}, {2, {8, 8}},    {1, {64}},   {4, {4, 4, 2, 2}},
                                      {2, {16, 4}},   {3, {4, 4, 4}}, {2, {32, 2}}};
    d->shape[0] = shapes[below(d, (int)(sizeof shapes / sizeof shapes[0]))];
    d->n = 1;
    as_text_add(&d->text, "data:\n  validation: %s\n  assign: %s\n", ONE_OF(d, "0", "0.1"),
                ONE_OF(d, "shuffled", "contiguous"));
    if (reals) {
        d->shape[0] = (as_shape){.rank = 1, .dim = {chance(d, 50) ? 8 : 16}};
        as_text_add(&d->text, "  train: {format: builtin, name: %s, samples: 300}\n  normalize: mean_std\n",
                    d->shape[0].dim[0] == 8 ? "tabular" : "linear");
    } else if (text) {
        as_text_add(&d->text, "  train: {format: text, file: text.txt, context: %s, to: 0.5, tokens: %s}\n",
                    ONE_OF(d, "5", "16"), merges ? "bpe, vocabulary: 270" : "bytes");
    } else {
        const as_shape *x = &d->shape[0];
        as_text_add(&d->text, "  train: {format: builtin, name: digits, shape: [%lld", (long long)x->dim[0]);
        for (int a = 1; a < x->rank; a++) {
            as_text_add(&d->text, ", %lld", (long long)x->dim[a]);
        }
        as_text_add(&d->text, "]}\n  normalize: %s\n%s%s", ONE_OF(d, "scale", "mean_std"),
                    chance(d, 15) ? "  ignore_label: [3]\n" : "",
                    chance(d, 15) ? "  class_weights: [1, 2, 0.5, 1, 1, 0, 1, 3, 1, 1]\n" : "");
        if (x->rank == 3) {
            as_text_add(&d->text, "  augment: [%s]\n",
                        ONE_OF(d, "", "shift: 1", "flip: both, rotate: 20", "crop: 0.7, noise: 0.2", "cutout: 3",
                               "mixup: 0.4", "noise: 0.1, mixup: 1"));
        }
    }
    as_text_add(&d->text, "model:\n%s%s  loss: %s\n  layers:\n", chance(d, 20) ? "  l2: 1.0e-3\n" : "",
                chance(d, 15) ? "  l1: 1.0e-4\n" : "",
                reals ? ONE_OF(d, "mse", "mae", "huber", "gaussian_nll", "{quantile: {levels: [0.1, 0.9]}}")
                      : ONE_OF(d, "cross_entropy", "{cross_entropy: {label_smoothing: 0.1}}"));
    if (text) {
        as_text_add(&d->text, "    - embedding: {vocabulary: 270, units: 4}\n    - %s\n    - layer_norm\n",
                    ONE_OF(d, "lstm: 4", "gru: 6", "attention: {heads: 2, causal: true}", "position"));
        as_text_add(&d->text, "    - dense: {units: %d, over: last}\n", merges ? 270 : 256);
    } else {
        for (int i = below(d, 9); i > 0 && d->n < VALUES; i--) {
            add_layer(d);
        }
        const bool two =
            reals && (strstr(d->text.data, "gaussian_nll") != NULL || strstr(d->text.data, "quantile") != NULL);
        as_text_add(&d->text, "    - dense: {units: %d, init: normal}\n", two ? 2 : reals ? 1 : 10);
    }
    add_optimizer(d);
    add_training(d);
}

static void add_statistic(draw *d)
{
    static const char *const reals[] = {"ols",
                                        "ols, robust: false",
                                        "ridge, alpha: [0.1, 1]",
                                        "lasso, n_alphas: 5",
                                        "elastic_net",
                                        "bayes_linear",
                                        "covariance",
                                        "pca",
                                        "pca, solver: qr",
                                        "pca, solver: randomized, n_components: 2",
                                        "kmeans, n_clusters: 3, n_init: 2",
                                        "gmm, n_components: 2",
                                        "gmm, n_components: 2, covariance_type: tied"};
    static const char *const labels[] = {"gaussian_nb",
                                         "logistic, penalty: l2, solver: lbfgs",
                                         "logistic, penalty: l2",
                                         "logistic, penalty: l1",
                                         "linear_svm",
                                         "lda",
                                         "qda, reg_param: 0.2",
                                         "gmm, n_components: 3, covariance_type: spherical",
                                         "kmeans, n_clusters: 2"};
    const bool real = chance(d, 55);
    as_text_add(&d->text, "data: {train: {format: builtin, name: %s, samples: %s}, validation: %s, normalize: %s}\n",
                real ? ONE_OF(d, "tabular", "linear") : "spirals", ONE_OF(d, "40", "333"), ONE_OF(d, "0", "0.2"),
                ONE_OF(d, "none", "mean_std"));
    as_text_add(&d->text, "model: {type: %s}\n",
                real ? reals[below(d, (int)(sizeof reals / sizeof reals[0]))]
                     : labels[below(d, (int)(sizeof labels / sizeof labels[0]))]);
}

static void draw_config(draw *d)
{
    as_text_add(&d->text, "name: random\nseed: %d\nlanes: %s\nprecision: %s\n", below(d, 100),
                ONE_OF(d, "6", "7", "12", "24", "31"), ONE_OF(d, "float32", "float32", "float64"));
    as_text_add(&d->text, "checkpoint: {every: %s, keep: 2}\nlog: {every: 1 steps, evaluate: %s}\n",
                ONE_OF(d, "1 steps", "2 steps", "never"), ONE_OF(d, "2 steps", "never"));
    if (chance(d, 75)) {
        add_network(d);
    } else {
        add_statistic(d);
    }
}

/* SHA-256 of a file without what stands between braces behind "timing": the whole of one that has none. */
static void hash_file(const char *folder, const char *name, char text[65])
{
    char path[600];
    uint8_t digest[32];
    as_sha256 hash;
    as_sha256_begin(&hash);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    char *line = NULL;
    size_t room = 0;
    for (ssize_t n; file != NULL && (n = getline(&line, &room, file)) > 0;) {
        const char *timing = strstr(name, ".jsonl") != NULL ? strstr(line, ",\"timing\"") : NULL;
        as_sha256_add(&hash, line, timing != NULL ? (size_t)(timing - line) : (size_t)n);
    }
    if (file != NULL) {
        fclose(file);
    }
    free(line);
    as_sha256_end(&hash, digest);
    as_sha256_text(digest, text);
}

/* Trains or continues. stop: for a few steps; or one rank alone is asked to stop, at once. */
static as_status train(as_world *world, draw *d, bool stop, const char *dir)
{
    as_config config = {0};
    char path[600];
    snprintf(path, sizeof path, "%s.yaml", dir);
    if (as_world_rank(world) == 0) {
        FILE *file = fopen(path, "w");
        if (file != NULL) {
            fputs(d->text.data, file);
            fclose(file);
        }
    }
    AS_TRY(as_world_barrier(world));
    const char *const files[] = {path};
    as_status status = as_world_agree(world, as_config_load(1, files, 0, NULL, &config));
    const volatile sig_atomic_t flag = stop && as_world_rank(world) == as_world_size(world) - 1 && d->number % 3 == 0;
    as_run_options options = {.config = &config, .world = world, .dir = dir, .stop = &flag, .version = "random"};
    const uint64_t layout = d->seed + d->number + (uint64_t)as_world_size(world) + (stop ? 5u : 0u);
    options.threads = 1 + (int)(layout % 3);
    options.isa = as_isa_detect();
    options.isa = layout % 5 < 2 ? AS_PORTABLE : layout % 5 == 2 && options.isa != AS_PORTABLE ? AS_AVX2 : options.isa;
    options.max_steps = stop ? 1 + (int64_t)(layout % 3) : 0;
    const as_log quiet = {0};
    options.log = &quiet;
    if (status == AS_OK) {
        as_run_result result;
        status = as_run_train(&options, &result);
        as_text_free(&result.test);
        as_text_free(&result.validation);
    }
    as_config_destroy(&config);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        return 64;
    }
    bool stop = false;
    int node = 0;
    for (int i = 5; i < argc; i++) {
        stop = stop || strcmp(argv[i], "stop") == 0;
        sscanf(argv[i], "node=%d", &node);
    }
    as_world *world = NULL;
    if (as_world_open(&(as_world_options){.launched = true, .node_ranks = node, .message_bytes = node > 0 ? 9000 : 0},
                      &world) != AS_OK) {
        return 70;
    }
    const int first = atoi(argv[2]), count = atoi(argv[3]);
    for (int i = first; i < first + count; i++) {
        draw d = {.seed = (uint64_t)atoll(argv[1]), .number = (uint32_t)i};
        char dir[500], metrics[65], final[65];
        draw_config(&d);
        snprintf(dir, sizeof dir, "%s/%d", argv[4], i);
        const as_status status = d.text.failed ? AS_NOMEM : train(world, &d, stop, dir);
        if (as_world_rank(world) == 0 && status == AS_OK) {
            hash_file(dir, "metrics.jsonl", metrics);
            hash_file(dir, "final.h5", final);
            printf("%d ok metrics %.16s final %.16s\n", i, metrics, final);
        } else if (as_world_rank(world) == 0) {
            printf("%d status %d: %s\n", i, (int)status, as_error_message());
        }
        fflush(stdout);
        as_text_free(&d.text);
    }
    as_world_close(&world);
    return 0;
}
