/* The built-in configuration: the text of configs/digits.yaml (a test keeps them equal). */
#include "run/config.h"

const char *as_config_default_text(void)
{
    return "# The embedded 8x8 digits (1,438 to train on, 359 to test on): a small network, about a second, 0.98 "
           "right.\n"
           "# Meaning of a key: allsum explain KEY      every key: allsum explain --all\n"
           "name: digits\n"
           "seed: 1\n"
           "data:\n"
           "  train: {format: builtin, name: digits}\n"
           "  test: {format: builtin, name: digits}\n"
           "  normalize: {mean: 5, std: 6}     # pixels are 0 to 16\n"
           "model:\n"
           "  layers:\n"
           "    - dense: {units: 256, activation: gelu}\n"
           "    - dropout: 0.2                 # while training only\n"
           "    - dense: {units: 128, activation: gelu}\n"
           "    - dense: 10                    # one output for each class\n"
           "  loss: cross_entropy\n"
           "optimizer: {type: adam, lr: 2.0e-3}\n"
           "schedule: {type: cosine, warmup: 20}\n"
           "train: {batch: 64, epochs: 30}     # the batch is that of all ranks together\n"
           "checkpoint: {every: 10 epochs, keep: 3}\n"
           "log: {every: 50 steps}\n";
}
