/* The built-in configuration: the text of configs/digits.yaml (a test keeps them equal). */
#include "run/config.h"

const char *as_config_default_text(void)
{
    return "# The embedded 8x8 digits (1,438 to train on, 359 to test on): a small network, a few seconds.\n"
           "# Meaning of a key: allsum explain KEY      every key: allsum explain --all\n"
           "name: digits\n"
           "seed: 1\n"
           "data:\n"
           "  train: {format: builtin, name: digits}\n"
           "  test: {format: builtin, name: digits}\n"
           "  normalize: mean_std              # every pixel to mean 0, standard deviation 1\n"
           "model:\n"
           "  layers:\n"
           "    - dense: {units: 128, activation: relu}\n"
           "    - dense: {units: 64, activation: relu}\n"
           "    - dense: 10                    # one output for each class\n"
           "  loss: cross_entropy\n"
           "optimizer: {type: adam, lr: 1.0e-3, weight_decay: 0}\n"
           "schedule: {type: cosine, warmup: 20}\n"
           "train: {batch: 64, epochs: 30}\n"
           "checkpoint: {every: 10 epochs, keep: 3}\n"
           "log: {every: 50 steps}\n";
}
