/* The processes of a job. The only room that includes mpi.h. A single process needs no mpirun and does not start MPI.
 */
#ifndef AS_COMM_WORLD_H
#define AS_COMM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allsum/status.h"

typedef struct as_world as_world;

typedef struct as_world_options {
    bool launched; /* started by a launcher (mpirun, srun): start MPI. false: one process, MPI is never touched */
    int groups; /* > 1: the processes are cut into so many worlds that know nothing of each other, of consecutive ranks
                   and unequal by at most one; no more than there are processes. as_world_group tells which is this one
                 */
    bool p2p;   /* exchange by messages even inside a node (for tests and measurements; same bits) */
    bool yield; /* waiting ranks give up their core (more ranks than cores); found out by itself when not set */
    int node_ranks;       /* tests: treat every so many ranks of a host as a node of their own; 0: the real nodes */
    size_t message_bytes; /* tests: longest message in bytes; 0: 1 MiB pieces in sums, 1 GiB elsewhere */
} as_world_options;

/* Collective. Errors: INTERNAL when MPI fails; NOMEM. */
as_status as_world_open(const as_world_options *options, as_world **out);

/* Collective. Ends MPI if this world started it; frees shared memory. Sets *world to NULL. */
void as_world_close(as_world **world);

/* Not collective. Ends the whole job at once with an exit code (0..255); does not return. For the watchdog and
   failures outside any collective. */
_Noreturn void as_world_abort(as_world *world, int code);

int as_world_rank(const as_world *world);
int as_world_size(const as_world *world);
/* The group of processes that this world is, and how many there are; 0 of 1 unless groups were asked for. */
int as_world_group(const as_world *world);
int as_world_groups(const as_world *world);
int as_world_node_rank(const as_world *world); /* rank among those of this node */
int as_world_node_size(const as_world *world);
int as_world_nodes(const as_world *world);
/* Host name of a rank; borrowed. */
const char *as_world_host(const as_world *world, int rank);
/* "Open MPI 4.1.4", or "single process". Borrowed. */
const char *as_world_library(const as_world *world);
/* "shared memory" | "messages" | "shared memory + messages" | "none". */
const char *as_world_transport(const as_world *world);

/* Collective. */
as_status as_world_barrier(as_world *world);
/* Collective. bytes may pass 2^31. */
as_status as_world_broadcast(as_world *world, int root, void *data, size_t bytes);
/* Collective. Every rank gives `bytes` bytes; all receive size * bytes in rank order. */
as_status as_world_all_gather(as_world *world, const void *mine, size_t bytes, void *all);
/* Collective. Ranks give different sizes; rank 0 receives all, one after the other; offset (size + 1) filled on rank 0.
 */
as_status as_world_gather(as_world *world, const void *mine, size_t bytes, void *all, size_t *offset);

/* Collective. Agreement: if any rank brings a failure, all return the status and message of the lowest failing rank,
   prefixed "rank N (host)" when there is more than one. Before every collective that a failed rank would miss. */
as_status as_world_agree(as_world *world, as_status mine);

/* Collective. Memory of `bytes` that all ranks of a node see at the same time (zero-filled, 64-byte aligned; plain
   memory with one process). Freed by as_world_close or as_world_shared_free. Errors: NOMEM naming /dev/shm and the
   need. */
as_status as_world_shared(as_world *world, size_t bytes, void **out);
/* Collective. */
void as_world_shared_free(as_world *world, void **block);

#endif
