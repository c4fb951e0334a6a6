/* Memory that the ranks of a node see at the same time, and the flag barrier inside it.

   MPI_Win_allocate_shared in the unified memory model of this machine: ranks store and load directly, ordered by C11
   atomics. One rank or one rank per node: an ordinary private mapping. The barrier is one counter per rank: everyone
   raises its own and waits until all have come as far; 0.2 us on two cores where MPI_Barrier takes 0.6. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "comm/world_private.h"

enum { SPINS = 200, HUGE_PAGE = 2 << 20, PAGE = 4096 };

void as_wait_once(as_wait *wait, bool yield)
{
    if (!yield && wait->looks++ < SPINS) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
        return;
    }
    const double now = as_clock_seconds();
    if (wait->start == 0) {
        wait->start = now;
    }
    if (now - wait->start < 0.02) {
        sched_yield();
    } else { /* Somebody reads a file or writes a checkpoint: leave the core alone. */
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    }
}

void as_wait_for_node(const as_world *world, as_wait *wait)
{
    if (world->nodes > 1) {
        int any;
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, world->all, &any, MPI_STATUS_IGNORE);
    }
    as_wait_once(wait, world->yield);
}

/* Each release of a counter is acquired by all: what a rank wrote before the barrier is seen by everybody after it, and
   what it read before is not yet overwritten. A rank may be one barrier ahead, which counters that only grow allow. */
void as_node_barrier(as_world *world)
{
    if (world->node_size == 1) {
        return;
    }
    const uint64_t round = ++world->barriers;
    atomic_store_explicit(&world->slot[world->node_rank].arrived, round, memory_order_release);
    as_wait wait = {0};
    for (int i = 0; i < world->node_size; i++) {
        while (atomic_load_explicit(&world->slot[i].arrived, memory_order_acquire) < round) {
            as_wait_for_node(world, &wait);
        }
    }
}

static as_status map_private(size_t bytes, as_memory *memory)
{
    AS_TRY(as_memory_check(bytes));
    memory->bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE + HUGE_PAGE;
    memory->mapped =
        mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory->mapped == MAP_FAILED) {
        memory->mapped = NULL;
        AS_FAIL(AS_NOMEM, "out of memory: %zu bytes needed (%s)", bytes, strerror(errno));
    }
    const size_t past = (size_t)((uintptr_t)memory->mapped % HUGE_PAGE);
    memory->start = (char *)memory->mapped + (past == 0 ? 0 : HUGE_PAGE - past);
    if (bytes >= HUGE_PAGE) {
        madvise(memory->start, memory->bytes - HUGE_PAGE, MADV_HUGEPAGE); /* Advice: a refusal changes nothing. */
    }
    return AS_OK;
}

/* Zero-filled pages of /dev/shm are taken at first touch, and a full file system would kill the process there: ask
 * before. */
static as_status check_room(size_t bytes)
{
    struct statvfs fs;
    if (statvfs("/dev/shm", &fs) != 0) {
        return AS_OK; /* Another backing store: MPI will say. */
    }
    const double room = (double)fs.f_bavail * (double)fs.f_frsize;
    if ((double)bytes > room) {
        AS_FAIL(
            AS_NOMEM,
            "/dev/shm has %.0f MiB free, but the ranks of this node need %.0f MiB of shared memory there: enlarge it "
            "(mount -o remount,size=..., or --shm-size of the container), or free it",
            room / 1048576.0, (double)bytes / 1048576.0);
    }
    return AS_OK;
}

static as_status map_shared(as_world *world, size_t bytes, as_memory *memory)
{
    const size_t mine = world->node_rank == 0 ? bytes + AS_CACHE_LINE : 0;
    void *base;
    AS_TRY(as_mpi_check(
        MPI_Win_allocate_shared((MPI_Aint)mine, 1, MPI_INFO_NULL, world->node_comm, &base, &memory->window),
        "MPI_Win_allocate_shared"));
    MPI_Aint size;
    int unit;
    AS_TRY(as_mpi_check(MPI_Win_shared_query(memory->window, 0, &size, &unit, &base), "MPI_Win_shared_query"));
    /* Pages start at other addresses in each process, but at the same place inside a page. */
    memory->start = (char *)base + (AS_CACHE_LINE - (uintptr_t)base % AS_CACHE_LINE) % AS_CACHE_LINE;
    if (bytes >= HUGE_PAGE) {
        const uintptr_t page = ((uintptr_t)memory->start + PAGE - 1) / PAGE * PAGE;
        madvise((void *)page, bytes - PAGE, MADV_HUGEPAGE);
    }
    return AS_OK;
}

/* Every rank writes the zeros of its share, so that pages lie near those that use them. */
static void touch(const as_world *world, void *start, size_t bytes)
{
    const size_t share = (bytes / (size_t)world->node_size + PAGE) / PAGE * PAGE;
    const size_t first = share * (size_t)world->node_rank;
    if (first < bytes) {
        memset((char *)start + first, 0, bytes - first < share ? bytes - first : share);
    }
}

as_status as_node_memory(as_world *world, size_t bytes, size_t used, void **out)
{
    *out = NULL;
    const bool whole = used >= bytes;
    bytes = (bytes / AS_CACHE_LINE + 1) * AS_CACHE_LINE;
    as_memory *memory = calloc(1, sizeof *memory);
    as_status status = AS_OK;
    if (memory == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for %zu bytes of shared memory", bytes);
    } else {
        memory->window = MPI_WIN_NULL;
    }
    if (world->node_size == 1) {
        status = status == AS_OK ? map_private(bytes, memory) : status;
    } else {
        /* The node's first rank looks; all go or none does. */
        if (world->node_rank == 0 && status == AS_OK) {
            status = check_room(whole ? bytes : used);
        }
        int mine = status != AS_OK, any = 0;
        const as_status told =
            as_mpi_check(MPI_Allreduce(&mine, &any, 1, MPI_INT, MPI_MAX, world->node_comm), "MPI_Allreduce");
        if (status == AS_OK) {
            status = told != AS_OK || any == 0
                         ? told
                         : as_error_set(AS_NOMEM, "another rank of this node has no room for shared memory");
        }
        if (status == AS_OK) {
            status = map_shared(world, bytes, memory);
        }
        if (status == AS_OK) {
            if (whole) {
                touch(world, memory->start, bytes);
            }
            status = as_mpi_check(MPI_Barrier(world->node_comm), "MPI_Barrier");
        }
    }
    if (status != AS_OK) {
        free(memory);
        return status;
    }
    memory->next = world->memory;
    world->memory = memory;
    *out = memory->start;
    return AS_OK;
}

as_status as_world_shared(as_world *world, size_t bytes, void **out)
{
    const as_status status = as_world_agree(world, as_node_memory(world, bytes, bytes, out));
    if (status != AS_OK) {
        as_world_shared_free(world, out);
    }
    return status;
}

void as_world_shared_free(as_world *world, void **block)
{
    as_memory **link = &world->memory;
    while (*link != NULL && (*block == NULL || (*link)->start != *block)) {
        link = &(*link)->next;
    }
    as_memory *memory = *link;
    *block = NULL;
    if (memory == NULL) {
        return;
    }
    *link = memory->next;
    if (memory->window != MPI_WIN_NULL) {
        MPI_Win_free(&memory->window);
    }
    if (memory->mapped != NULL) {
        munmap(memory->mapped, memory->bytes);
    }
    free(memory);
}
