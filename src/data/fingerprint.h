/* The fingerprint of a data set: the same for every layout, another for any other content, order or split. */
#ifndef AS_DATA_FINGERPRINT_H
#define AS_DATA_FINGERPRINT_H

#include "data/dataset.h"

/* Collective. Fills data->fingerprint: SHA-256 over the description (rows, shape, types) and the SHA-256 of every lane
   (ids, x, labels, targets, weights of its samples), in lane order. Errors: NOMEM, the same on all ranks. */
as_status as_dataset_fingerprint(as_dataset *data, as_world *world);

#endif
