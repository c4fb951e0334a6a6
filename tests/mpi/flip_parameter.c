/* Linked with --wrap=as_run_show_progress: after step 20 one bit of a parameter turns over in the memory of the second
   node. What follows must notice. */
#include "comm/world.h"
#include "estimator/network.h"
#include "run/run_state.h"

enum { STEP = 20 };

void __real_as_run_show_progress(const as_run *run, const as_step_report *report);
void __wrap_as_run_show_progress(const as_run *run, const as_step_report *report);

void __wrap_as_run_show_progress(const as_run *run, const as_step_report *report)
{
    as_network *network = (as_network *)run->estimator;
    if (run->progress.step == STEP && as_world_rank(run->world) == as_world_size(run->world) - 1) {
        ((unsigned char *)network->params)[4] ^= 1;
    }
    __real_as_run_show_progress(run, report);
}
