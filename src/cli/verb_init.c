/* allsum init [KIND|FILE.csv]: a commented configuration to start from. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fields.h"
#include "cli/init_table.h"
#include "cli/verb.h"
#include "io/file_kind.h"
#include "run/config.h"

static const char fashion[] =
    "# Fashion-MNIST from the Debian package dataset-fashion-mnist: 28x28 images of 10 kinds of clothes.\n"
    "# Meaning of a key: allsum explain KEY      every key: allsum explain --all\n"
    "name: fashion\n"
    "seed: 1                            # the same seed gives the same bits, on any number of ranks and threads\n"
    "data:\n"
    "  train:\n"
    "    format: idx                    # plain or .gz\n"
    "    x: /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz\n"
    "    y: /usr/share/datasets/fashion-mnist/train-labels-idx1-ubyte.gz\n"
    "  test:\n"
    "    format: idx\n"
    "    x: /usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz\n"
    "    y: /usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz\n"
    "  normalize: scale                 # uint8 / 255; or mean_std, {mean: m, std: s}, none\n"
    "  validation: 0.05                 # share of the training rows held out\n"
    "model:\n"
    "  layers:\n"
    "    - dense: {units: 256, activation: relu}\n"
    "    - dropout: 0.1\n"
    "    - dense: 10                    # one output for each class\n"
    "  loss: cross_entropy              # others: allsum list losses\n"
    "optimizer: {type: adam, lr: 1.0e-3}    # others: allsum list optimizers\n"
    "schedule: {type: cosine, warmup: 100}  # others: allsum list schedules\n"
    "train: {batch: 128, epochs: 3}     # the batch is that of all ranks together\n"
    "checkpoint: {every: 5 minutes, keep: 3}\n"
    "log: {every: 50 steps, evaluate: 1 epochs}\n";

static const char csv[] =
    "# Regression on a table: a CSV file with a header row. Put in your file and the name of its target column.\n"
    "# Meaning of a key: allsum explain KEY      every key: allsum explain --all\n"
    "name: table\n"
    "seed: 1                            # the same seed gives the same bits, on any number of ranks and threads\n"
    "data:\n"
    "  train:\n"
    "    format: csv\n"
    "    file: train.csv\n"
    "    target: [price]                # columns to predict; all others are inputs\n"
    "    labels: false                  # the target is a number, not a class\n"
    "  normalize: mean_std              # every input column to mean 0, standard deviation 1\n"
    "  validation: 0.1                  # share of the rows held out\n"
    "  missing: error                   # NaN and empty values: error | drop | mean\n"
    "model:\n"
    "  layers:\n"
    "    - dense: {units: 64, activation: silu}\n"
    "    - dense: {units: 64, activation: silu}\n"
    "    - dense: 1                     # one output for each target column\n"
    "  loss: mse                        # others: allsum list losses\n"
    "optimizer: {type: adamw, lr: 1.0e-3, weight_decay: 1.0e-4}\n"
    "schedule: {type: cosine, warmup: 50}\n"
    "train: {batch: 64, epochs: 50, patience: 10}   # stops when validation has not improved 10 times\n"
    "checkpoint: {every: 5 minutes, keep: 3}\n"
    "log: {every: 50 steps, evaluate: 1 epochs}\n";

static const char hdf5[] =
    "# Training on an HDF5 file: x of N samples (any shape, any numeric type), y of N labels or N x K real targets.\n"
    "# Meaning of a key: allsum explain KEY      what a file holds: allsum info FILE\n"
    "name: hdf5\n"
    "seed: 1                            # the same seed gives the same bits, on any number of ranks and threads\n"
    "data:\n"
    "  train:\n"
    "    format: hdf5\n"
    "    file: train.h5\n"
    "    x: x                           # paths of the datasets in the file\n"
    "    y: y\n"
    "  normalize: mean_std              # or scale, {mean: m, std: s}, none\n"
    "  validation: 0.1                  # share of the rows held out\n"
    "  missing: error                   # NaN, Inf and fill values: error | drop | mean\n"
    "model:\n"
    "  layers:\n"
    "    - dense: {units: 256, activation: gelu}\n"
    "    - dropout: 0.1\n"
    "    - dense: {units: 256, activation: gelu}\n"
    "    - dense: 10                    # classes, or columns of y\n"
    "optimizer: {type: adamw, lr: 1.0e-3, weight_decay: 0.01}\n"
    "schedule: {type: one_cycle}\n"
    "train: {batch: 128, epochs: 20, patience: 5}\n"
    "checkpoint: {every: 5 minutes, keep: 3}\n"
    "log: {every: 50 steps, evaluate: 1 epochs}\n";

static const char images[] =
    "# Classes of images in an HDF5 file: x of N x height x width x channels (any numeric type), y of N labels.\n"
    "# Meaning of a key: allsum explain KEY      what a file holds: allsum info FILE\n"
    "name: images\n"
    "seed: 1                            # the same seed gives the same bits, on any number of ranks and threads\n"
    "data:\n"
    "  train:\n"
    "    format: hdf5\n"
    "    file: images.h5\n"
    "    x: x\n"
    "    y: y\n"
    "    # layout: nchw                 # where channels come before height and width\n"
    "  normalize: mean_std              # or scale: 0 .. 255 becomes 0 .. 1\n"
    "  validation: 0.1                  # share of the images held out\n"
    "  augment: [{flip: horizontal}, {shift: 2}]   # others: allsum list augmentations\n"
    "model:\n"
    "  layers:\n"
    "    - conv2d: {channels: 32, activation: relu}\n"
    "    - max_pool\n"
    "    - conv2d: {channels: 64, activation: relu}\n"
    "    - max_pool\n"
    "    - conv2d: {channels: 128, activation: relu}\n"
    "    - global_pool                  # any height and width will do\n"
    "    - dropout: 0.2\n"
    "    - dense: 10                    # one output for each class\n"
    "  loss: cross_entropy\n"
    "optimizer: {type: adamw, lr: 1.0e-3, weight_decay: 0.01}\n"
    "schedule: {type: cosine, warmup: 100}\n"
    "train: {batch: 64, epochs: 20, patience: 5}   # the batch is that of all ranks together\n"
    "checkpoint: {every: 5 minutes, keep: 3}\n"
    "log: {every: 50 steps, evaluate: 1 epochs}\n";

static const char text_of_words[] =
    "# A transformer that goes on with a text: a UTF-8 file, read byte by byte.\n"
    "# Then: allsum sample runs/text --prompt 'A beginning'\n"
    "name: text\n"
    "seed: 1                            # the same seed gives the same bits, on any number of ranks and threads\n"
    "data:\n"
    "  train:\n"
    "    format: text\n"
    "    file: text.txt\n"
    "    context: 128                   # tokens that the model sees at a time\n"
    "    # tokens: bpe                  # pieces of words; then vocabulary: 1024 here, in embedding and in the last "
    "layer\n"
    "  validation: 0.05                 # share of the windows held out; their bits_per_byte is what counts\n"
    "model:\n"
    "  blocks:\n"
    "    transformer:\n"
    "      - layer_norm\n"
    "      - attention: {name: look, heads: 4, causal: true, rotary: true}\n"
    "      - add: {name: seen, from: [look, input]}\n"
    "      - layer_norm\n"
    "      - dense: {units: 512, over: last, activation: gelu}\n"
    "      - dense: {name: think, units: 128, over: last}\n"
    "      - add: {from: [think, seen]}\n"
    "  layers:\n"
    "    - embedding: {vocabulary: 256, units: 128}\n"
    "    - repeat: {times: 3, layers: [block: transformer]}\n"
    "    - layer_norm\n"
    "    - dense: {units: 256, over: last}          # one output for each token\n"
    "  loss: cross_entropy\n"
    "optimizer: {type: muon, lr: 4.0e-3, weight_decay: 0.1}\n"
    "schedule: {type: cosine, warmup: 50}\n"
    "train: {batch: 16, epochs: 4, clip_norm: 1.0}  # the batch is that of all ranks together\n"
    "checkpoint: {every: 5 minutes, keep: 3}\n"
    "log: {every: 20 steps, evaluate: 1 epochs}\n";

/* Writes a new file; an existing one is left alone. */
static as_status write_new(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST) {
        AS_FAIL(AS_CANTCREAT, "%s: exists already; remove it, or choose another name with --out", path);
    }
    if (fd < 0) {
        AS_FAIL(AS_CANTCREAT, "%s: cannot create: %s", path, strerror(errno));
    }
    const size_t size = strlen(text);
    const ssize_t written = write(fd, text, size);
    const int error = written < 0 ? errno : ENOSPC;
    if (close(fd) != 0 || written != (ssize_t)size) {
        unlink(path);
        AS_FAIL(AS_IO, "%s: cannot write: %s", path, strerror(error));
    }
    return AS_OK;
}

/* For a table that is there: TABLE.yaml, or --out. */
static as_status write_for_table(const as_context *context, const char *file)
{
    as_text text = {0};
    char path[1024];
    const char *out = as_option_get(context, "out"), *slash = strrchr(file, '/');
    const char *name = slash != NULL ? slash + 1 : file;
    const int stem = (int)(strlen(name) - strlen(".csv"));
    snprintf(path, sizeof path, "%.*s%s", out != NULL ? 1000 : stem, out != NULL ? out : name,
             out != NULL ? "" : ".yaml");
    as_status status = as_init_table(file, as_option_get(context, "target"), &text);
    status = status == AS_OK ? write_new(path, text.data) : status;
    if (status == AS_OK) {
        printf("%s written; next: allsum info %s --stats, allsum train %s\n", path, path, path);
    }
    as_text_free(&text);
    return status;
}

static as_status run(as_context *context)
{
    const char *const names[] = {"digits", "fashion", "csv", "hdf5", "images", "text", NULL};
    const char *const texts[] = {as_config_default_text(), fashion, csv, hdf5, images, text_of_words};
    const char *wanted = context->narguments > 0 ? context->argument[0] : names[0];
    if (as_file_ends(wanted, ".csv")) {
        return write_for_table(context, wanted);
    }
    if (as_option_get(context, "target") != NULL) {
        AS_FAIL(AS_USAGE, "init: --target is for a table; expected FILE.csv, found '%s'", wanted);
    }
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], wanted) == 0) {
            char path[1024];
            const char *out = as_option_get(context, "out");
            snprintf(path, sizeof path, "%s%s", out != NULL ? out : names[i], out != NULL ? "" : ".yaml");
            AS_TRY(write_new(path, texts[i]));
            printf("%s written; next: allsum explain %s, allsum train %s\n", path, path, path);
            return AS_OK;
        }
    }
    const char *near = as_nearest_name(wanted, names);
    AS_FAIL(AS_USAGE, "init: unknown kind '%s'%s%s%s", wanted, near != NULL ? " (did you mean '" : "",
            near != NULL ? near : " (known: digits, fashion, csv, hdf5, images, text, or a FILE.csv)",
            near != NULL ? "'?)" : "");
}

static const as_option options[] = {
    {.name = "out", .letter = 'o', .value = "FILE", .help = "name of the file (default: KIND.yaml)"},
    {.name = "target", .value = "NAME", .help = "of a table: the column to learn (default: the last)"},
    AS_OPTIONS_END,
};

const as_verb as_verb_init = {
    .name = "init",
    .arguments = "[digits|fashion|csv|hdf5|images|text|FILE.csv]",
    .summary = "Write a commented configuration to start from",
    .details =
        "digits: the embedded images (default); fashion: Fashion-MNIST from Debian; csv, hdf5: a table or arrays of\n"
        "yours; images: convolutions for your images in HDF5; text: a transformer for your text.\n"
        "FILE.csv: a statistical model of that table, its columns looked at: indicators for texts, rows with missing\n"
        "values left out, least squares of numbers or logistic regression of classes.\n"
        "An existing file is never overwritten.\n",
    .options = options,
    .max_arguments = 1,
    .run = run,
};
