/* The launcher and the cores of this process. */
#ifndef AS_CLI_LAUNCH_H
#define AS_CLI_LAUNCH_H

#include "cli/context.h"

/* Not collective. Reads the environment that mpirun, mpiexec and srun leave; several tasks of srun without an MPI
   plugin are found out by as_context_world. */
as_launch as_launch_detect(void);

/* Not collective. True when srun started several tasks but gave them no MPI: each would run alone. */
bool as_launch_srun_without_mpi(void);

/* Physical cores that the affinity mask of this process holds, no more than a container's CPU quota; at least 1. */
int as_launch_cores(void);

/* Logical CPUs in the affinity mask, and online in the machine. */
int as_launch_cpus_allowed(void);
int as_launch_cpus_online(void);

#endif
