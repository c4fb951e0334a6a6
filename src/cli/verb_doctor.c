/* allsum doctor: what this machine is, whether the job is laid out well, and a quick self-test. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/launch.h"
#include "cli/self_test.h"
#include "cli/verb.h"
#include "comm/library.h"
#include "io/libraries.h"

/* What a rank says of its place, for rank 0 to judge. */
typedef struct placement {
    int cores, cpus, threads;
} placement;

static void print_versions(as_world *world)
{
    char mpi[128];
    as_text libraries = {0};
    as_libraries_write(&libraries);
    printf("program    allsum " ALLSUM_VERSION "\n");
    printf("mpi        %s; %d rank%s on %d node%s; between ranks: %s\n", as_mpi_library(mpi), as_world_size(world),
           as_world_size(world) > 1 ? "s" : "", as_world_nodes(world), as_world_nodes(world) > 1 ? "s" : "",
           as_world_transport(world));
    printf("libraries  %s\n", libraries.data != NULL ? libraries.data : "");
    as_text_free(&libraries);
}

/* "model name : Intel(R) ..." of /proc/cpuinfo. */
static void cpu_name(char text[128])
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(text, 128, "unknown CPU");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            snprintf(text, 128, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

static void print_machine(const as_context *context, as_isa isa, const placement *mine)
{
    char name[128];
    const char *omp = getenv("OMP_NUM_THREADS");
    cpu_name(name);
    printf("cpu        %s; %d logical CPUs online, this rank may use %d (%d core%s)\n", name, as_launch_cpus_online(),
           mine->cpus, mine->cores, mine->cores == 1 ? "" : "s");
    printf("isa        %s (best of this CPU: %s; ALLSUM_ISA chooses)\n", as_isa_name(isa),
           as_isa_name(as_isa_detect()));
    printf("threads    %d a rank (%s%s)\n", mine->threads,
           as_option_get(context, "threads") != NULL ? "--threads"
           : omp != NULL                             ? "OMP_NUM_THREADS="
                                                     : "by the cores allowed",
           as_option_get(context, "threads") == NULL && omp != NULL ? omp : "");
}

/* Warnings of the layout, each with its cure; all is (ranks). */
static int warn_layout(const as_context *context, as_world *world, const placement *all)
{
    int warnings = 0, threads = 0;
    for (int r = 0; r < as_world_size(world); r++) {
        threads += r < as_world_node_size(world) ? all[r].threads : 0;
        if (all[r].threads > all[r].cpus) {
            as_log_line(&context->log, AS_LOG_WARN,
                        "rank %d has %d threads but may use %d CPU%s of %d; start it with launch/local, or give mpirun "
                        "--bind-to none or --map-by slot:PE=%d",
                        r, all[r].threads, all[r].cpus, all[r].cpus == 1 ? "" : "s", as_launch_cpus_online(),
                        all[r].threads);
            warnings++;
        }
    }
    if (threads > as_launch_cpus_online()) {
        as_log_line(
            &context->log, AS_LOG_WARN,
            "this node runs %d threads on %d CPUs; use fewer ranks or --threads, the results stay the same bits",
            threads, as_launch_cpus_online());
        warnings++;
    }
    return warnings;
}

static int check_shared_memory(const as_context *context)
{
    struct statvfs info;
    if (statvfs("/dev/shm", &info) != 0) {
        as_log_line(&context->log, AS_LOG_WARN, "/dev/shm: %s; ranks of a node cannot share memory", strerror(errno));
        return 1;
    }
    const double mib = (double)info.f_frsize / 1048576, free_mib = mib * (double)info.f_bavail;
    printf("/dev/shm   %.0f MiB free of %.0f MiB\n", free_mib, mib * (double)info.f_blocks);
    if (free_mib < 256) {
        as_log_line(&context->log, AS_LOG_WARN,
                    "/dev/shm has %.0f MiB free: models of several ranks on a node need their size there several times "
                    "(in a container: --shm-size=1g)",
                    free_mib);
        return 1;
    }
    return 0;
}

/* Run directories are locked by flock: some network file systems refuse it. */
static int check_locking(const as_context *context)
{
    char path[64];
    snprintf(path, sizeof path, ".allsum-doctor-%ld", (long)getpid());
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        as_log_line(&context->log, AS_LOG_WARN, "this folder cannot be written: %s; give runs another one with -o",
                    strerror(errno));
        return 1;
    }
    const bool locked = flock(fileno(file), LOCK_EX | LOCK_NB) == 0;
    const int error = errno;
    fclose(file);
    remove(path);
    if (!locked) {
        as_log_line(&context->log, AS_LOG_WARN,
                    "this file system does not lock (%s): two jobs on one run directory would not notice each other",
                    strerror(error));
        return 1;
    }
    printf("locking    works in this folder\n");
    return 0;
}

static as_status self_test(as_world *world)
{
    as_text tested = {0};
    int lanes = 0;
    as_status status = as_world_agree(world, as_self_test_kernels(&tested));
    if (status == AS_OK && as_world_rank(world) == 0) {
        printf("kernels    the same bits as the plain chain: %s; float32 and float64\n",
               tested.data != NULL ? tested.data : "");
    }
    as_text_free(&tested);
    AS_TRY(status);
    AS_TRY(as_self_test_sum(world, &lanes));
    if (as_world_rank(world) == 0) {
        printf("sum        the same bits as the tree: %d lanes over %d rank%s\n", lanes, as_world_size(world),
               as_world_size(world) > 1 ? "s" : "");
    }
    return AS_OK;
}

static as_status run(as_context *context)
{
    as_world *world;
    as_isa isa;
    placement mine = {.cores = as_launch_cores(), .cpus = as_launch_cpus_allowed()};
    AS_TRY(as_context_isa(context, &isa));
    AS_TRY(as_context_threads(context, &mine.threads));
    AS_TRY(as_context_world(context, &world));
    placement *all = calloc((size_t)as_world_size(world), sizeof *all);
    as_status status = as_world_agree(
        world, all == NULL ? as_error_set(AS_NOMEM, "out of memory for %d ranks", as_world_size(world)) : AS_OK);
    if (status == AS_OK) {
        status = as_world_all_gather(world, &mine, sizeof mine, all);
    }
    int warnings = 0;
    if (status == AS_OK && as_world_rank(world) == 0) {
        print_versions(world);
        print_machine(context, isa, &mine);
        warnings = warn_layout(context, world, all) + check_shared_memory(context) + check_locking(context);
    }
    free(all);
    AS_TRY(status);
    AS_TRY(self_test(world));
    if (as_world_rank(world) == 0) {
        printf(warnings == 0 ? "all well\n" : "works; %d warning%s\n", warnings, warnings == 1 ? "" : "s");
    }
    return AS_OK;
}

static const as_option options[] = {AS_OPTION_THREADS, AS_OPTIONS_END};

const as_verb as_verb_doctor = {
    .name = "doctor",
    .summary = "Check this machine and the layout of a job: versions, cores, memory, locking, a self-test",
    .arguments = "",
    .details = "Start it as the job will be started: mpirun -np 2 allsum doctor. Warnings name the cure; a failed "
               "self-test is "
               "exit code 70.\n",
    .options = options,
    .run = run,
};
