/* What a verb gets: its arguments and options, the log, and the machine as it is allowed to use it. */
#ifndef AS_CLI_CONTEXT_H
#define AS_CLI_CONTEXT_H

#include "base/log.h"
#include "comm/world.h"
#include "kernels/kernels.h"

struct as_verb;
struct as_option;

/* How this process was started, from the environment alone: MPI is not touched. */
typedef struct as_launch {
    bool launched;  /* by a launcher with more than one process: as_context_world starts MPI */
    bool bound;     /* the launcher gave this process cores of its own */
    int rank, size; /* 0 of 1 when not launched; size 0: not known */
    int local_size; /* processes on this node; 1 when not known */
    const char *by; /* "mpirun", "srun", "mpiexec", or "" */
} as_launch;

typedef struct as_given {
    const struct as_option *option;
    const char *value; /* "" for a switch */
} as_given;

typedef struct as_context {
    const struct as_verb *verb;
    int narguments;
    const char *const *argument; /* (narguments) positional */
    int ngiven;
    const as_given *given; /* (ngiven) options in the order of the command line */
    as_launch launch;
    as_log log;      /* lines on stderr by rank 0; errors by any rank, prefixed with it */
    bool quiet;      /* --quiet: no information, warnings and errors only */
    bool terminal;   /* stderr is a terminal and this is rank 0: a progress line may be drawn */
    bool color;      /* terminal, and NO_COLOR is not set */
    int groups;      /* > 1: cut the processes into so many worlds (as_world_options); set before as_context_world */
    as_world *world; /* NULL until as_context_world; closed by the caller of the verb */
} as_context;

/* Not collective. Value of an option ("" for a switch), the last one if repeated; NULL: not given. */
const char *as_option_get(const as_context *context, const char *name);

/* Times that an option may be given: more are refused with the command line. */
enum { AS_OPTION_TIMES = 256 };

/* Not collective. All values of a repeatable option, in their order; returns how many were given. */
int as_option_all(const as_context *context, const char *name, const char *value[AS_OPTION_TIMES]);

/* Not collective. A number in [min, max]; *out is left alone when the option was not given. Errors: USAGE. */
as_status as_option_int(const as_context *context, const char *name, int64_t min, int64_t max, int64_t *out);
as_status as_option_real(const as_context *context, const char *name, double min, double max, double *out);

/* Collective. The world, opened at the first call: one process unless a launcher started more. Errors: of
   as_world_open; USAGE when srun started several tasks without MPI. */
as_status as_context_world(as_context *context, as_world **out);

/* Not collective. Threads of this rank: --threads, else OMP_NUM_THREADS, else cores allowed to this process, shared
   with the node's other ranks unless the launcher bound them apart. At least 1. Errors: USAGE. */
as_status as_context_threads(const as_context *context, int *out);

/* Not collective. The instruction set: ALLSUM_ISA, else the best of this CPU. Errors: USAGE. */
as_status as_context_isa(const as_context *context, as_isa *out);

#endif
