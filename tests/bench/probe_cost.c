/* What the pulse of a training costs. For each network two runs on the same made-up data go on in turn in one process,
   a few steps each: one with `probe: off`, one that feels every fourth step. Prints, from the least and the lower
   quartile of many steps:

     step     of the run that is off
     unfelt   steps that are not felt in the run that feels, over those of the run that is off
     felt     what feeling a step and writing its record costs, in steps
     every    the cadence of `probe: auto`
     share    felt / every: of the time of a training

   usage: [mpirun -np 2] probe_cost FOLDER [threads=N] [seconds=S, of each network] [only=NAME]
   FOLDER is for the data and the runs; it is made if need be, and what is in it is overwritten. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "run/run_state.h"

enum { OFF, UNFELT, FELT, KINDS, BLOCK = 8, TIMES_MOST = 1 << 16 };

#define IMAGES "data: {train: {format: npy, x: @/images.npy, y: @/labels.npy}, normalize: {mean: 127, std: 64}}\n"

static const struct {
    const char *name, *config;
} work[] = {
    {"digits 64-64-10, batch 32",
     "data: {train: {format: builtin, name: digits}}\n"
     "model: {layers: [{dense: {units: 64, activation: relu}}, {dense: {units: 10}}], loss: cross_entropy}\n"
     "optimizer: {type: adam, lr: 1e-4}\ntrain: {batch: 32, steps: 1000000}\n"},
    {"softmax 784-10, batch 256", IMAGES "model: {layers: [flatten, {dense: {units: 10}}], loss: cross_entropy}\n"
                                         "optimizer: {type: sgd, lr: 0.01}\ntrain: {batch: 256, steps: 1000000}\n"},
    {"mlp 784-512-512-10, batch 128", IMAGES
     "model: {layers: [flatten, {dense: {units: 512, activation: relu}}, {dense: {units: 512, activation: relu}}, "
     "{dense: {units: 10}}], loss: cross_entropy}\n"
     "optimizer: {type: adam, lr: 1e-4}\ntrain: {batch: 128, steps: 1000000}\n"},
    {"tabular 64-256-256-1, batch 4096",
     "data: {train: {format: npy, x: @/numbers.npy, y: @/targets.npy}, normalize: none}\n"
     "model: {layers: [{dense: {units: 256, activation: relu}}, {dense: {units: 256, activation: relu}}, {dense: "
     "{units: "
     "1}}], loss: mse}\n"
     "optimizer: {type: adam, lr: 1e-4}\ntrain: {batch: 4096, steps: 1000000}\n"},
    {"lenet, batch 128", IMAGES
     "model: {layers: [{conv2d: {channels: 32, kernel: 5, padding: 2, activation: relu}}, {max_pool: {size: 2}}, "
     "{conv2d: {channels: 64, kernel: 5, padding: 2, activation: relu}}, {max_pool: {size: 2}}, flatten, {dense: "
     "{units: 512, activation: relu}}, {dense: {units: 10}}], loss: cross_entropy}\n"
     "optimizer: {type: sgd, lr: 0.001, momentum: 0.9}\ntrain: {batch: 128, steps: 1000000}\n"},
};

typedef struct side {
    as_config config;
    as_run run;
    char path[1100];
} side;

typedef struct times {
    int64_t n;
    double t[TIMES_MOST];
} times;

/* A .npy file of numbers that a small generator makes; modulus 0: of reals, else of bytes below it. */
static void write_array(const char *folder, const char *name, const char *shape, int64_t n, int modulus)
{
    char path[1100], header[119];
    const int bytes = modulus > 0 ? 1 : 4;
    snprintf(path, sizeof path, "%.1000s/%.60s", folder, name);
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
             bytes == 1 ? "|u1" : "<f4", shape);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, file);
    fprintf(file, "%-117s\n", header);
    uint32_t state = 12345;
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525 + 1013904223;
        const uint8_t byte = (uint8_t)((int)(state >> 16) % (modulus > 0 ? modulus : 1));
        const float real = (float)(state >> 8) / 8388608.0F - 1;
        fwrite(bytes == 1 ? (const void *)&byte : &real, (size_t)bytes, 1, file);
    }
    fclose(file);
}

static void write_data(const char *folder)
{
    write_array(folder, "images.npy", "4096, 28, 28, 1", 4096 * 784, 256);
    write_array(folder, "labels.npy", "4096,", 4096, 10);
    write_array(folder, "numbers.npy", "16384, 64", 16384 * 64, 0);
    write_array(folder, "targets.npy", "16384, 1", 16384, 0);
}

static void check(as_status status)
{
    if (status != AS_OK) {
        fprintf(stderr, "probe_cost: %s\n", as_error_message());
        exit(1);
    }
}

static void open_side(side *s, as_world *world, const char *folder, int w, int threads, const char *pulse)
{
    static const as_log silent = {0};
    as_text text = {0};
    as_text_add(&text, "name: cost\nlog: {every: never}\ncheckpoint: {every: never}\nprobe: {pulse: %s}\n", pulse);
    for (const char *c = work[w].config; *c != '\0'; c++) {
        if (*c == '@') {
            as_text_add(&text, "%s", folder);
        } else {
            as_text_add(&text, "%c", *c);
        }
    }
    check(as_config_parse("probe_cost", text.data, 0, NULL, &s->config));
    as_text_free(&text);
    snprintf(s->path, sizeof s->path, "%.1000s/run-%.3s", folder, pulse);
    const as_run_options options = {.config = &s->config,
                                    .world = world,
                                    .threads = threads,
                                    .isa = as_isa_detect(),
                                    .dir = s->path,
                                    .resume = AS_RESUME_NEVER,
                                    .version = "",
                                    .log = &silent};
    s->run.options = NULL;
    check(as_run_open(&options, &s->run));
}

static void close_side(side *s)
{
    as_run_close(&s->run);
    as_config_destroy(&s->config);
}

/* One step with all that belongs to it, as the loop of run.c does it. */
static void step(as_run *run, times *plain, times *felt)
{
    as_step_report report = {0};
    const double t0 = as_clock_seconds();
    check(as_run_probe_before(run));
    check(as_run_step(run, 0, &report));
    as_run_advance(run, &report);
    check(as_run_probe_after(run, &report));
    times *to = run->probed != 0 ? felt : plain;
    if (to->n < TIMES_MOST) {
        to->t[to->n++] = as_clock_seconds() - t0;
    }
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(as_world *world, const char *folder, int w, int threads, double seconds, times all[KINDS])
{
    static side off, on;
    open_side(&on, world, folder, w, threads, "auto");
    const int64_t cadence = as_probe_cadence(on.run.probe);
    close_side(&on);
    open_side(&off, world, folder, w, threads, "off");
    open_side(&on, world, folder, w, threads, "4 steps");
    int64_t blocks = 4;
    for (int64_t b = 0; b < blocks; b++) {
        const double t0 = as_clock_seconds();
        for (int i = 0; i < BLOCK; i++) {
            step(&off.run, &all[OFF], NULL);
        }
        for (int i = 0; i < BLOCK; i++) {
            step(&on.run, &all[UNFELT], &all[FELT]);
        }
        if (b == 2) { /* the same number on all ranks; the first blocks touch memory for the first time */
            blocks = (int64_t)(seconds / (as_clock_seconds() - t0)) + 8;
            check(as_world_broadcast(world, 0, &blocks, sizeof blocks));
            all[OFF].n = all[UNFELT].n = all[FELT].n = 0;
        }
    }
    close_side(&on);
    close_side(&off);
    double least[KINDS], quarter[KINDS];
    for (int k = 0; k < KINDS; k++) {
        qsort(all[k].t, (size_t)all[k].n, sizeof(double), ascending);
        least[k] = all[k].t[0];
        quarter[k] = all[k].t[all[k].n / 4];
    }
    if (as_world_rank(world) == 0) {
        const double by_least = least[FELT] / least[OFF] - 1, by_quarter = quarter[FELT] / quarter[OFF] - 1;
        printf("%-34s %8.4f %7.4f %7.4f %7.2f %7.2f %6lld %7.2f%% %7.2f%%\n", work[w].name, 1e3 * quarter[OFF],
               least[UNFELT] / least[OFF], quarter[UNFELT] / quarter[OFF], by_least, by_quarter, (long long)cadence,
               100 * by_least / (double)cadence, 100 * by_quarter / (double)cadence);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    static times all[KINDS];
    const char *only = "";
    int threads = 1;
    double seconds = 2;
    if (argc < 2) {
        fprintf(stderr, "usage: [mpirun -np 2] probe_cost FOLDER [threads=N] [seconds=S] [only=NAME]\n");
        return 64;
    }
    for (int i = 2; i < argc; i++) {
        sscanf(argv[i], "threads=%d", &threads);
        sscanf(argv[i], "seconds=%lf", &seconds);
        only = strncmp(argv[i], "only=", 5) == 0 ? argv[i] + 5 : only;
    }
    const as_world_options options = {.launched = getenv("OMPI_COMM_WORLD_SIZE") != NULL};
    as_world *world = NULL;
    check(as_world_open(&options, &world));
    if (as_world_rank(world) == 0) {
        mkdir(argv[1], 0777);
        write_data(argv[1]);
        printf("%d process%s, %d thread%s each; least and lower quartile\n%-34s %8s %15s %15s %6s %17s\n",
               as_world_size(world), as_world_size(world) > 1 ? "es" : "", threads, threads > 1 ? "s" : "", "",
               "step ms", "unfelt/off", "felt, steps", "every", "share");
    }
    check(as_world_barrier(world));
    for (int w = 0; w < (int)(sizeof work / sizeof work[0]); w++) {
        if (strstr(work[w].name, only) != NULL) {
            measure(world, argv[1], w, threads, seconds, all);
        }
    }
    as_world_close(&world);
    return 0;
}
