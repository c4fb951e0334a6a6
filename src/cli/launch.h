/* The launcher and the cores of this process. */
#ifndef AS_CLI_LAUNCH_H
#define AS_CLI_LAUNCH_H

#include "cli/context.h"

/* Not collective. Reads the environment that mpirun, mpiexec and srun leave; several tasks of srun without an MPI
   plugin are found out by as_context_world. */
as_launch as_launch_detect(void);

/* Not collective. True when srun started several tasks but gave them no MPI: each would run alone. */
bool as_launch_srun_without_mpi(void);

/* Not collective, before any thread starts. How long OpenMP threads spin before they sleep is read by its runtime when
   the program is loaded: sets a short spin (none when the node's ranks may need more cores than it has) and starts the
   program anew, unless the user has decided (OMP_WAIT_POLICY, GOMP_SPINCOUNT). A long spin costs a factor of a hundred
   as soon as another process wants the core. Returns when there is nothing to do. */
void as_launch_settle(const as_launch *launch, char *const *argv);

/* Physical cores that the affinity mask of this process holds, no more than a container's CPU quota; at least 1. */
int as_launch_cores(void);

/* Logical CPUs in the affinity mask, and online in the machine. */
int as_launch_cpus_allowed(void);
int as_launch_cpus_online(void);

#endif
