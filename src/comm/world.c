/* Opening and closing a world: MPI if a launcher started us, and who lives on which node. */
#include "comm/world.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "comm/world_private.h"

enum { ABORT_SECONDS = 10 };

as_status as_mpi_check(int code, const char *what)
{
    if (code == MPI_SUCCESS) {
        return AS_OK;
    }
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    AS_FAIL(AS_INTERNAL, "%s failed: %s", what, text);
}

/* Everyone, or this process's group: ranks r with the same floor(r groups / size). */
static as_status make_all(as_world *world, int groups)
{
    int rank, size;
    if (groups <= 1) {
        return as_mpi_check(MPI_Comm_dup(MPI_COMM_WORLD, &world->all), "MPI_Comm_dup");
    }
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    world->groups = groups < size ? groups : size;
    world->group = (int)((int64_t)rank * world->groups / size);
    return as_mpi_check(MPI_Comm_split(MPI_COMM_WORLD, world->group, rank, &world->all), "MPI_Comm_split");
}

static as_status start_mpi(as_world *world, int groups)
{
    int running = 0, level = 0;
    AS_TRY(as_mpi_check(MPI_Initialized(&running), "MPI_Initialized"));
    if (running) {
        AS_TRY(as_mpi_check(MPI_Query_thread(&level), "MPI_Query_thread"));
    } else {
        AS_TRY(as_mpi_check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread"));
        world->ends_mpi = true;
    }
    world->mpi = true;
    if (level < MPI_THREAD_FUNNELED) {
        AS_FAIL(AS_INTERNAL, "this MPI library offers no thread support (MPI_THREAD_FUNNELED)");
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    AS_TRY(make_all(world, groups));
    MPI_Comm_set_errhandler(world->all, MPI_ERRORS_RETURN);
    MPI_Comm_rank(world->all, &world->rank);
    MPI_Comm_size(world->all, &world->size);
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;
    MPI_Get_library_version(text, &length);
    text[strcspn(text, ",\n")] = '\0'; /* "Open MPI v4.1.4, package: ..." */
    char *v = strstr(text, " v");
    if (v != NULL) {
        memmove(v + 1, v + 2, strlen(v + 2) + 1);
    }
    snprintf(world->library, sizeof world->library, "%.63s", text);
    return AS_OK;
}

/* More ranks on this host, of all groups, than cores that they may use together? */
static as_status count_cores(as_world *world)
{
    int ranks;
    MPI_Comm host;
    AS_TRY(as_mpi_check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host),
                        "MPI_Comm_split_type"));
    MPI_Comm_set_errhandler(host, MPI_ERRORS_RETURN);
    MPI_Comm_size(host, &ranks);
    cpu_set_t mine, all;
    CPU_ZERO(&mine);
    CPU_ZERO(&all);
    if (sched_getaffinity(0, sizeof mine, &mine) != 0) {
        CPU_SET(0, &mine); /* A machine with more than 1024 cores: not short of them. */
        ranks = 0;
    }
    const as_status status =
        as_mpi_check(MPI_Allreduce(&mine, &all, (int)sizeof mine, MPI_BYTE, MPI_BOR, host), "MPI_Allreduce");
    MPI_Comm_free(&host);
    world->yield = world->yield || ranks > CPU_COUNT(&all);
    return status;
}

static as_status split_nodes(as_world *world, const as_world_options *options)
{
    MPI_Comm host;
    AS_TRY(as_mpi_check(MPI_Comm_split_type(world->all, MPI_COMM_TYPE_SHARED, world->rank, MPI_INFO_NULL, &host),
                        "MPI_Comm_split_type"));
    MPI_Comm_set_errhandler(host, MPI_ERRORS_RETURN);
    AS_TRY(count_cores(world));
    int local;
    MPI_Comm_rank(host, &local);
    const int group = options->p2p ? local : options->node_ranks > 0 ? local / options->node_ranks : 0;
    AS_TRY(as_mpi_check(MPI_Comm_split(host, group, local, &world->node_comm), "MPI_Comm_split"));
    MPI_Comm_free(&host);
    MPI_Comm_set_errhandler(world->node_comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(world->node_comm, &world->node_rank);
    MPI_Comm_size(world->node_comm, &world->node_size);
    AS_TRY(as_mpi_check(
        MPI_Comm_split(world->all, world->node_rank == 0 ? 0 : MPI_UNDEFINED, world->rank, &world->leaders),
        "MPI_Comm_split"));
    if (world->leaders != MPI_COMM_NULL) {
        MPI_Comm_set_errhandler(world->leaders, MPI_ERRORS_RETURN);
    }
    return AS_OK;
}

/* Tables of who lives where: nodes are numbered by their lowest rank, as the ranks of `leaders` are. */
static as_status find_members(as_world *world)
{
    const size_t size = (size_t)world->size;
    world->rank_node = calloc(size, sizeof(int));
    world->rank_local = calloc(size, sizeof(int));
    world->node_start = calloc(size + 1, sizeof(int));
    world->member = calloc(size, sizeof(int));
    world->hosts = calloc(size, AS_HOST_BYTES);
    if (world->rank_node == NULL || world->rank_local == NULL || world->node_start == NULL || world->member == NULL ||
        world->hosts == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a world of %d ranks", world->size);
    }
    int leader = world->rank;
    char host[AS_HOST_BYTES] = "";
    gethostname(host, sizeof host - 1);
    if (world->mpi) {
        AS_TRY(as_mpi_check(MPI_Bcast(&leader, 1, MPI_INT, 0, world->node_comm), "MPI_Bcast"));
    }
    AS_TRY(as_world_all_gather(world, &leader, sizeof leader, world->rank_node));
    AS_TRY(as_world_all_gather(world, host, sizeof host, world->hosts));
    int at = 0;
    for (int first = 0; first < world->size; first++) {
        if (world->rank_node[first] != first) {
            continue;
        }
        const int begin = at;
        for (int rank = first; rank < world->size; rank++) {
            if (world->rank_node[rank] == first) {
                world->rank_local[rank] = at - begin;
                world->member[at++] = rank;
            }
        }
        world->node_start[++world->nodes] = at;
    }
    for (int node = 0; node < world->nodes; node++) {
        for (int i = world->node_start[node]; i < world->node_start[node + 1]; i++) {
            world->rank_node[world->member[i]] = node;
        }
    }
    world->node = world->rank_node[world->rank];
    return AS_OK;
}

static as_status open_world(as_world *world, const as_world_options *options)
{
    if (options->launched) {
        AS_TRY(start_mpi(world, options->groups));
        AS_TRY(split_nodes(world, options));
    }
    AS_TRY(find_members(world));
    void *slots;
    const size_t bytes = (size_t)world->node_size * sizeof *world->slot;
    AS_TRY(as_node_memory(world, bytes, bytes, &slots));
    world->slot = slots;
    return AS_OK;
}

as_status as_world_open(const as_world_options *options, as_world **out)
{
    *out = NULL;
    as_world *world = calloc(1, sizeof *world);
    if (world == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a world");
    }
    *world = (as_world){.size = 1,
                        .node_size = 1,
                        .groups = 1,
                        .yield = options->yield,
                        .message_bytes = options->message_bytes,
                        .library = "single process",
                        .all = MPI_COMM_NULL,
                        .node_comm = MPI_COMM_NULL,
                        .leaders = MPI_COMM_NULL};
    as_status status = open_world(world, options);
    if (world->mpi && world->all != MPI_COMM_NULL && world->hosts != NULL) {
        status = as_world_agree(world, status);
    }
    if (status != AS_OK) {
        as_world_close(&world);
        return status;
    }
    *out = world;
    return AS_OK;
}

void as_world_close(as_world **world)
{
    as_world *w = *world;
    if (w == NULL) {
        return;
    }
    while (w->memory != NULL) {
        void *block = w->memory->start;
        as_world_shared_free(w, &block);
    }
    MPI_Comm *comms[] = {&w->leaders, &w->node_comm, &w->all};
    for (size_t i = 0; i < sizeof comms / sizeof comms[0]; i++) {
        if (*comms[i] != MPI_COMM_NULL) {
            MPI_Comm_free(comms[i]);
        }
    }
    if (w->ends_mpi) {
        MPI_Finalize();
    }
    free(w->rank_node);
    free(w->rank_local);
    free(w->node_start);
    free(w->member);
    free(w->hosts);
    free(w);
    *world = NULL;
}

_Noreturn void as_world_abort(as_world *world, int code)
{
    if (world->mpi) {
        alarm(ABORT_SECONDS); /* Should the launcher not answer, this process ends by the signal. */
        MPI_Abort(MPI_COMM_WORLD, code);
    }
    _exit(code);
}

int as_world_rank(const as_world *world)
{
    return world->rank;
}

int as_world_group(const as_world *world)
{
    return world->group;
}

int as_world_groups(const as_world *world)
{
    return world->groups;
}

int as_world_size(const as_world *world)
{
    return world->size;
}

int as_world_node_rank(const as_world *world)
{
    return world->node_rank;
}

int as_world_node_size(const as_world *world)
{
    return world->node_size;
}

int as_world_nodes(const as_world *world)
{
    return world->nodes;
}

const char *as_world_host(const as_world *world, int rank)
{
    return world->hosts + (size_t)rank * AS_HOST_BYTES;
}

const char *as_world_library(const as_world *world)
{
    return world->library;
}

const char *as_world_transport(const as_world *world)
{
    if (world->size == 1) {
        return "none";
    }
    return world->nodes == 1 ? "shared memory" : world->nodes == world->size ? "messages" : "shared memory + messages";
}
