/* What the files of this room know of a world: communicators, who lives where, and the memory that a node shares.
   With mpi.h: for src/comm only. */
#ifndef AS_COMM_WORLD_PRIVATE_H
#define AS_COMM_WORLD_PRIVATE_H

#include <mpi.h>
#include <stdatomic.h>

#include "comm/world.h"

enum { AS_HOST_BYTES = 64, AS_CACHE_LINE = 64 };

/* One cache line of each rank in its node's shared memory; written by that rank alone. */
typedef struct as_node_slot {
    _Alignas(64) _Atomic uint64_t arrived; /* barriers entered */
    _Atomic uint64_t finished;             /* rounds of the sum whose parts this rank has read to the end */
} as_node_slot;

typedef struct as_memory {
    struct as_memory *next;
    void *start;  /* aligned; what callers see */
    void *mapped; /* private mapping, or NULL */
    size_t bytes; /* of the private mapping */
    MPI_Win window;
} as_memory;

struct as_world {
    bool mpi, ends_mpi, yield;
    int rank, size;
    int group, groups;
    int node, nodes, node_rank, node_size;
    int *rank_node;  /* (size) node of each rank */
    int *rank_local; /* (size) rank inside its node */
    int *node_start; /* (nodes + 1) first entry of a node in member */
    int *member;     /* (size) ranks by node, ascending inside each */
    char *hosts;     /* (size, AS_HOST_BYTES) */
    char library[64];
    size_t message_bytes;
    MPI_Comm all, node_comm, leaders; /* leaders: rank 0 of each node; MPI_COMM_NULL elsewhere */
    as_memory *memory;
    as_node_slot *slot; /* (node_size), shared by the node */
    uint64_t barriers;
};

/* Fails with INTERNAL and MPI's own text unless code is MPI_SUCCESS. */
as_status as_mpi_check(int code, const char *what);

/* Waiting without a system call at first, then giving up the core, then (past some milliseconds) sleeping a little. */
typedef struct as_wait {
    int looks;
    double start;
} as_wait;
void as_wait_once(as_wait *wait, bool yield);
/* The same while waiting for a rank of this node. Messages move only inside MPI calls: one that this rank has sent may
   still want an answer, and who waits for it on another node may be what this node waits for. So MPI is called as well.
 */
void as_wait_for_node(const as_world *world, as_wait *wait);

/* Collective over the node. Cost: one store and node_size loads. */
void as_node_barrier(as_world *world);

/* Collective over the node; no agreement with other nodes. used: how much of it somebody will write. All of it is
   touched here; less is not, and reads as zeros where nobody writes. */
as_status as_node_memory(as_world *world, size_t bytes, size_t used, void **out);

#endif
