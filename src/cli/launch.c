/* The launcher, from the environment: Open MPI's mpirun sets OMPI_COMM_WORLD_*, MPICH's mpiexec and srun --mpi=pmi2 set
   PMI_*, srun --mpi=pmix sets PMIX_RANK. A job of one process is not "launched": MPI need not start for it. */
#include "cli/launch.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fields.h"

enum { CPUS_MAX = 4096 };

/* A whole number from the environment, or otherwise. Slurm writes "2(x3),1" for nodes with 2, 2, 2 and 1: the first
 * counts. */
static int number_of(const char *name, int otherwise)
{
    const char *text = getenv(name);
    char first[24] = "";
    int64_t value;
    const size_t n = text == NULL ? 0 : strcspn(text, "(,");
    if (n > 0 && n < sizeof first) {
        memcpy(first, text, n);
    }
    return as_text_to_int(first, &value) && value >= 0 && value <= 1 << 24 ? (int)value : otherwise;
}

as_launch as_launch_detect(void)
{
    as_launch launch = {.size = 1, .local_size = 1, .by = ""};
    if (getenv("OMPI_COMM_WORLD_SIZE") != NULL) {
        launch = (as_launch){.rank = number_of("OMPI_COMM_WORLD_RANK", 0),
                             .size = number_of("OMPI_COMM_WORLD_SIZE", 0),
                             .local_size = number_of("OMPI_COMM_WORLD_LOCAL_SIZE", 1),
                             .bound = number_of("OMPI_MCA_orte_bound_at_launch", 0) != 0,
                             .by = "mpirun"};
    } else if (getenv("PMI_RANK") != NULL) {
        launch = (as_launch){.rank = number_of("PMI_RANK", 0),
                             .size = number_of("PMI_SIZE", 0),
                             .local_size = number_of("MPI_LOCALNRANKS", number_of("SLURM_STEP_TASKS_PER_NODE", 1)),
                             .bound = getenv("SLURM_CPU_BIND_TYPE") != NULL,
                             .by = getenv("SLURM_STEP_NUM_TASKS") != NULL ? "srun" : "mpiexec"};
    } else if (getenv("PMIX_RANK") != NULL) {
        launch = (as_launch){.rank = number_of("PMIX_RANK", 0),
                             .size = number_of("SLURM_STEP_NUM_TASKS", 0),
                             .local_size = number_of("SLURM_STEP_TASKS_PER_NODE", 1),
                             .bound = getenv("SLURM_CPU_BIND_TYPE") != NULL,
                             .by = getenv("SLURM_STEP_NUM_TASKS") != NULL ? "srun" : "mpiexec"};
    }
    launch.launched = launch.by[0] != '\0' && launch.size != 1;
    launch.local_size = launch.local_size < 1 ? 1 : launch.local_size;
    return launch;
}

bool as_launch_srun_without_mpi(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") == NULL && getenv("PMI_RANK") == NULL && getenv("PMIX_RANK") == NULL &&
           getenv("SLURM_PROCID") != NULL && number_of("SLURM_STEP_NUM_TASKS", 1) > 1;
}

int as_launch_cpus_online(void)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : (int)online;
}

/* The affinity mask, for machines of any size; caller frees with CPU_FREE. */
static cpu_set_t *allowed_set(void)
{
    cpu_set_t *set = CPU_ALLOC(CPUS_MAX);
    if (set != NULL && sched_getaffinity(0, CPU_ALLOC_SIZE(CPUS_MAX), set) != 0) {
        CPU_FREE(set);
        set = NULL;
    }
    return set;
}

int as_launch_cpus_allowed(void)
{
    cpu_set_t *set = allowed_set();
    const int n = set == NULL ? as_launch_cpus_online() : CPU_COUNT_S(CPU_ALLOC_SIZE(CPUS_MAX), set);
    if (set != NULL) {
        CPU_FREE(set);
    }
    return n;
}

/* Lowest logical CPU of the core that holds this one; itself when the system does not say. */
static int first_sibling(int cpu)
{
    char path[96];
    int first = cpu;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        first = fscanf(file, "%d", &first) == 1 ? first : cpu;
        fclose(file);
    }
    return first;
}

/* CPUs' worth of time that a container grants (cgroup v2), rounded up; CPUS_MAX when there is no limit. */
static int quota(void)
{
    long long grant, period;
    int limit = CPUS_MAX;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (file == NULL) {
        return limit;
    }
    if (fscanf(file, "%lld %lld", &grant, &period) == 2 && grant > 0 && period > 0) {
        const long long cpus = (grant + period - 1) / period;
        limit = cpus < limit ? (int)cpus : limit;
    }
    fclose(file);
    return limit;
}

int as_launch_cores(void)
{
    cpu_set_t *set = allowed_set();
    if (set == NULL) {
        return as_launch_cpus_online();
    }
    int cores = 0;
    bool seen[CPUS_MAX] = {false};
    for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (CPU_ISSET_S((size_t)cpu, CPU_ALLOC_SIZE(CPUS_MAX), set)) {
            const int first = first_sibling(cpu);
            const int core = first >= 0 && first < CPUS_MAX ? first : cpu;
            cores += !seen[core];
            seen[core] = true;
        }
    }
    CPU_FREE(set);
    const int limit = quota();
    cores = cores < limit ? cores : limit;
    return cores < 1 ? 1 : cores;
}

/* How threads wait: without turning where there are more of them than cores, else for some microseconds. */
static void choose_waiting(const as_launch *launch, char *const *argv)
{
    const char *omp = getenv("OMP_NUM_THREADS");
    int64_t threads = 1;
    const bool told = omp != NULL && as_text_to_int(omp, &threads);
    for (int i = 1; argv[i] != NULL && argv[i + 1] != NULL; i++) {
        if (strcmp(argv[i], "-t") == 0 || strcmp(argv[i], "--threads") == 0) {
            as_text_to_int(argv[i + 1], &threads);
        }
    }
    const int ranks = launch->local_size > 0 ? launch->local_size : 1;
    const bool crowded = (told || threads > 1) && threads * ranks > as_launch_cpus_online();
    setenv("GOMP_SPINCOUNT", crowded ? "0" : "20000", 1);
    setenv("KMP_BLOCKTIME", crowded ? "0" : "1", 0);
}

void as_launch_settle(const as_launch *launch, char *const *argv)
{
    const bool waiting = getenv("OMP_WAIT_POLICY") != NULL || getenv("GOMP_SPINCOUNT") != NULL;
    if (waiting && getenv("OMP_STACKSIZE") != NULL) {
        return;
    }
    setenv("OMP_STACKSIZE", "8M", 0); /* with an unlimited stack of the main thread, others get 2 MiB */
    if (!waiting) {
        choose_waiting(launch, argv);
    }
    sigset_t stop; /* stays blocked in the program started anew, until it can take a stop as a wish */
    sigemptyset(&stop);
    sigaddset(&stop, SIGUSR1);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    execv("/proc/self/exe", argv);
}
