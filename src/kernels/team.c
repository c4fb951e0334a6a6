/* OpenMP runs the threads; the barrier is our own, because it must give the core away when ranks and threads together
   exceed the cores, which the OpenMP runtime of one rank cannot know. */
#include "kernels/team.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "base/error.h"

enum { THREADS_MAX = 1024, SPINS = 4000, CACHE_LINE = 64, STACK_LEAST = 3 << 20 };

struct as_team {
    int threads;
    char pad0[CACHE_LINE];
    _Atomic int arrived;
    char pad1[CACHE_LINE];
    _Atomic unsigned round;
};

/* Round to nearest, all exceptions masked, no flush to zero, no denormals-are-zero. */
static void set_float_mode(void)
{
#if defined(__x86_64__)
    _mm_setcsr(0x1F80);
#endif
}

static void pause_thread(void)
{
#if defined(__x86_64__)
    _mm_pause();
#endif
}

/* Bytes of the calling thread's stack; STACK_LEAST where the system does not tell. */
static size_t stack_bytes(void)
{
    pthread_attr_t attributes;
    void *base = NULL;
    size_t bytes = STACK_LEAST;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        if (pthread_attr_getstack(&attributes, &base, &bytes) != 0) {
            bytes = STACK_LEAST;
        }
        pthread_attr_destroy(&attributes);
    }
    return bytes;
}

as_status as_team_create(int threads, as_team **out)
{
    *out = NULL;
    if (threads < 1 || threads > THREADS_MAX) {
        AS_FAIL(AS_USAGE, "threads: expected 1..%d, found %d", THREADS_MAX, threads);
    }
    int got = 1;
    size_t stack = SIZE_MAX;
    omp_set_dynamic(0);
#pragma omp parallel num_threads(threads)
    {
        set_float_mode();
        if (omp_get_thread_num() == 0) {
            got = omp_get_num_threads();
        }
        const size_t mine = stack_bytes();
#pragma omp critical
        stack = mine < stack ? mine : stack;
    }
    if (got != threads) {
        AS_FAIL(AS_USAGE, "threads: expected %d, but the OpenMP runtime gives %d (see OMP_THREAD_LIMIT)", threads, got);
    }
    if (stack < STACK_LEAST) { /* kernels would write beyond it, and past the page that guards it */
        AS_FAIL(AS_USAGE,
                "threads: expected stacks of at least %d KiB, found %zu KiB: set OMP_STACKSIZE=8M (of the main thread: "
                "ulimit -s 8192)",
                STACK_LEAST >> 10, stack >> 10);
    }
    as_team *team = calloc(1, sizeof *team);
    if (team == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a team of %d threads", threads);
    }
    team->threads = threads;
    *out = team;
    return AS_OK;
}

void as_team_destroy(as_team **team)
{
    free(*team);
    *team = NULL;
}

int as_team_size(const as_team *team)
{
    return team->threads;
}

void as_team_run(as_team *team, void (*body)(void *argument, int thread), void *argument)
{
    if (team->threads == 1) {
        body(argument, 0);
        return;
    }
#pragma omp parallel num_threads(team->threads)
    {
        set_float_mode();
        body(argument, omp_get_thread_num());
    }
}

/* Everyone's arrival releases its writes and is part of one chain of increments, so the last to arrive acquires all of
   them, and hands them on with the round that it releases. Nobody counts an arrival of the next round before having
   acquired this round, and so after `arrived` was set back: that store, and the first look at the round, which only
   this thread's own arrival lets change, may be relaxed. */
void as_team_barrier(as_team *team)
{
    if (team->threads == 1) {
        return;
    }
    const unsigned round = atomic_load_explicit(&team->round, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) == team->threads - 1) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&team->round, round + 1, memory_order_release);
        return;
    }
    for (int spin = 0; atomic_load_explicit(&team->round, memory_order_acquire) == round; spin++) {
        if (spin < SPINS) {
            pause_thread();
        } else {
            sched_yield();
        }
    }
}

void as_team_share(int64_t n, int64_t grain, int thread, int threads, int64_t *first, int64_t *count)
{
    const int64_t grains = (n + grain - 1) / grain, whole = grains / threads, rest = grains % threads;
    const int64_t begin = (whole * thread + (thread < rest ? thread : rest)) * grain;
    const int64_t end = begin + (whole + (thread < rest ? 1 : 0)) * grain;
    *first = begin < n ? begin : n;
    *count = (end < n ? end : n) - *first;
}
