/* The watchdog: one thread per rank reads the stamps of its node every quarter of the limit (at most once a second).

   Ranks stamp the same sequence of phases and enter the same barriers, so the one that has come less far is the one
   that the others wait for. The job is hung when no rank of the node has moved for longer than the limit. A node that
   misses none of its own ranks waits a little longer, so that the node which does can name it. Time in which this
   process was not running itself (suspended by a batch system, a starved machine) does not count. */
#include "comm/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "comm/world_private.h"

enum { PHASE_BYTES = 16, LINE_BYTES = 1024, EXIT_CODE = AS_IO };

/* One cache line per rank of the node, written by that rank alone; the phase is text because ranks differ in addresses.
   The count is written last and released, and read first and acquired: who sees it sees phase and step of that stamp,
   or of a later one. No other memory is handed over here, so everything else is relaxed. */
typedef struct stamp {
    _Alignas(64) _Atomic uint64_t count;
    _Atomic int64_t step;
    _Atomic uint64_t phase[PHASE_BYTES / 8];
} stamp;

struct as_watchdog {
    as_world *world;
    const as_log *log;
    double limit;
    void *memory;
    stamp *stamps;             /* (node_size) */
    _Atomic uint64_t *speaker; /* 0 until a rank of the node has taken it on itself to end the job */
    uint64_t *count;           /* (node_size) of the thread's last look */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, started;
};

static const char *phase_text(const stamp *s, char text[PHASE_BYTES + 1])
{
    for (size_t i = 0; i < PHASE_BYTES / 8; i++) {
        const uint64_t word = atomic_load_explicit(&s->phase[i], memory_order_relaxed);
        memcpy(text + 8 * i, &word, 8);
    }
    text[PHASE_BYTES] = '\0';
    return text[0] == '\0' ? "start" : text;
}

static long long step_of(const stamp *s)
{
    return (long long)atomic_load_explicit(&s->step, memory_order_relaxed);
}

static void append(char line[LINE_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(char line[LINE_BYTES], const char *format, ...)
{
    const size_t used = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + used, LINE_BYTES - used, format, args);
    va_end(args);
}

/* Names who is missing and what the others wait for. */
static void describe(const as_watchdog *dog, const uint64_t *count, uint64_t most, double idle, char line[LINE_BYTES])
{
    const as_world *world = dog->world;
    const stamp *ahead = NULL;
    char phase[PHASE_BYTES + 1];
    int waiting = 0;
    line[0] = '\0';
    append(line, "no progress for %.1f seconds: ", idle);
    for (int i = 0; i < world->node_size; i++) {
        if (count[i] == most) {
            ahead = &dog->stamps[i];
            waiting++;
            continue;
        }
        const int rank = world->member[world->node_start[world->node] + i];
        append(line, "rank %d (%s) is missing, last seen in '%s' of step %lld; ", rank, as_world_host(world, rank),
               phase_text(&dog->stamps[i], phase), step_of(&dog->stamps[i]));
    }
    const bool all = waiting == world->node_size;
    append(line, "%s%d %s%s in '%s' of step %lld%s", all && waiting > 1 ? "all " : "", waiting,
           waiting == 1 ? "rank" : "ranks", waiting == 1 ? " waits" : " wait", phase_text(ahead, phase), step_of(ahead),
           all && world->nodes > 1 ? " (no rank of this node is missing)" : "");
    append(line, "; the job ends with exit code %d", EXIT_CODE);
}

/* How far a rank of the node has come: stamps, then barriers of the node. Between nodes the barriers tell nothing:
   whoever exchanges messages for its node is the last to enter the next one. */
static uint64_t progress_of(const as_watchdog *dog, int i)
{
    const uint64_t stamps = atomic_load_explicit(&dog->stamps[i].count, memory_order_acquire);
    const uint64_t barriers =
        dog->world->nodes > 1 ? 0 : atomic_load_explicit(&dog->world->slot[i].arrived, memory_order_relaxed);
    return (stamps << 32) + (barriers & UINT32_MAX);
}

/* Whether the job is to end now; speaks if this rank is the first of its node to see it. */
static bool judge(as_watchdog *dog, double idle)
{
    uint64_t *count = dog->count, most = 0, least = UINT64_MAX;
    for (int i = 0; i < dog->world->node_size; i++) {
        count[i] = progress_of(dog, i);
        most = count[i] > most ? count[i] : most;
        least = count[i] < least ? count[i] : least;
    }
    const double grace = dog->world->nodes > 1 && least == most ? 1 + dog->limit / 10 : 0;
    if (idle < dog->limit + grace) {
        return false;
    }
    uint64_t nobody = 0;
    if (atomic_compare_exchange_strong(dog->speaker, &nobody, 1)) {
        char line[LINE_BYTES];
        describe(dog, count, most, idle, line);
        as_log_line(dog->log, AS_LOG_ERROR, "%s", line);
        return true;
    }
    return idle > dog->limit + grace + 3; /* The speaker should have ended us by now. */
}

static uint64_t progress_of_all(const as_watchdog *dog)
{
    uint64_t sum = 0;
    for (int i = 0; i < dog->world->node_size; i++) {
        sum += progress_of(dog, i);
    }
    return sum;
}

static void *watch(void *argument)
{
    as_watchdog *dog = argument;
    const double tick = dog->limit / 4 < 1 ? dog->limit / 4 : 1;
    uint64_t seen = progress_of_all(dog);
    double idle = 0, last = as_clock_seconds();
    pthread_mutex_lock(&dog->lock);
    while (!dog->stop) {
        const double until = as_clock_seconds() + tick;
        const struct timespec at = {.tv_sec = (time_t)until, .tv_nsec = (long)((until - (double)(time_t)until) * 1e9)};
        pthread_cond_timedwait(&dog->wake, &dog->lock, &at);
        const double now = as_clock_seconds();
        const uint64_t stamps = progress_of_all(dog);
        idle = stamps != seen ? 0 : idle + (now - last < 2 * tick ? now - last : 2 * tick);
        seen = stamps;
        last = now;
        if (!dog->stop && idle >= dog->limit && judge(dog, idle)) {
            as_world_abort(dog->world, EXIT_CODE);
        }
    }
    pthread_mutex_unlock(&dog->lock);
    return NULL;
}

static as_status start_thread(as_watchdog *dog)
{
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&dog->lock, NULL);
    pthread_cond_init(&dog->wake, &clock);
    pthread_condattr_destroy(&clock);
    sigset_t all, before; /* Signals belong to the thread that trains. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&dog->thread, NULL, watch, dog);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        AS_FAIL(AS_NOMEM, "cannot start the watchdog's thread: %s", strerror(failed));
    }
    dog->started = true;
    return AS_OK;
}

as_status as_watchdog_start(as_world *world, double limit, const as_log *log, as_watchdog **out)
{
    *out = NULL;
    if (!(limit > 0)) {
        return AS_OK;
    }
    as_watchdog *dog = calloc(1, sizeof *dog);
    const size_t ranks = (size_t)world->node_size;
    uint64_t *count = calloc(ranks, sizeof *count);
    as_status status = AS_OK;
    if (dog == NULL || count == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for the watchdog");
    }
    status = as_world_agree(world, status);
    if (status != AS_OK) {
        free(dog);
        free(count);
        return status;
    }
    *dog = (as_watchdog){.world = world, .log = log, .limit = limit, .count = count};
    status = as_world_shared(world, (ranks + 1) * sizeof *dog->stamps, &dog->memory);
    if (status == AS_OK) {
        dog->stamps = dog->memory;
        dog->speaker = &dog->stamps[ranks].count;
        status = as_world_agree(world, start_thread(dog));
    }
    if (status != AS_OK) {
        as_watchdog_stop(&dog);
        return status;
    }
    *out = dog;
    return AS_OK;
}

void as_watchdog_stamp(as_watchdog *watchdog, const char *phase, int64_t step)
{
    if (watchdog == NULL) {
        return;
    }
    stamp *mine = &watchdog->stamps[watchdog->world->node_rank];
    uint64_t word[PHASE_BYTES / 8] = {0};
    memcpy(word, phase, strnlen(phase, PHASE_BYTES));
    for (size_t i = 0; i < PHASE_BYTES / 8; i++) {
        atomic_store_explicit(&mine->phase[i], word[i], memory_order_relaxed);
    }
    atomic_store_explicit(&mine->step, step, memory_order_relaxed);
    const uint64_t count = atomic_load_explicit(&mine->count, memory_order_relaxed);
    atomic_store_explicit(&mine->count, count + 1, memory_order_release);
}

void as_watchdog_stop(as_watchdog **watchdog)
{
    as_watchdog *dog = *watchdog;
    if (dog == NULL) {
        return;
    }
    if (dog->started) {
        pthread_mutex_lock(&dog->lock);
        dog->stop = true;
        pthread_cond_signal(&dog->wake);
        pthread_mutex_unlock(&dog->lock);
        pthread_join(dog->thread, NULL);
        pthread_cond_destroy(&dog->wake);
        pthread_mutex_destroy(&dog->lock);
    }
    as_world_shared_free(dog->world, &dog->memory);
    free(dog->count);
    free(dog);
    *watchdog = NULL;
}
