/* Inside of the posterior: how each kind is fitted. */
#ifndef AS_RUN_POSTERIOR_FIT_H
#define AS_RUN_POSTERIOR_FIT_H

#include "run/posterior.h"

/* As as_posterior_find, for one kind; p->kind is set, and what was allocated is freed by as_posterior_free. */
as_status as_posterior_laplace(as_posterior *p, const as_posterior_options *options, as_world *world);
as_status as_posterior_swag(as_posterior *p, const as_posterior_options *options, as_world *world);

as_status as_posterior_no_memory(void);

#endif
