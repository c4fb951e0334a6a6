/* How the rows of a rank are cut for a step of a network: the one plan of it, and the one function that makes it. Cuts
   change speed and memory, never a bit. network_tiles.c lays the tiles over the lane tree, network_passes.c works along
   them.

   Words: an owner is a thread that takes some lanes from the data to the sum by itself; a tile, lanes that go from the
   data to the sums together; a chunk, rows of a tile that a thread takes through layers at a time; a portion, lanes of
   the only tile whose first layers go backward, and are summed, before those of the next ones do. Pieces are parts of
   the flat vector: network_pieces.c. */
#ifndef AS_ESTIMATOR_NETWORK_CUTS_H
#define AS_ESTIMATOR_NETWORK_CUTS_H

#include "estimator/estimator.h"
#include "nn/model.h"

/* What is to be cut: the rows of one rank, and who works on them. */
typedef struct network_shard {
    int64_t rows;        /* of a batch, at the most */
    int lanes;           /* they are the rows of so many */
    int threads;         /* of the team */
    int64_t micro_batch; /* rows that are worked on at a time, as the configuration asks; 0: no wish */
    as_tuning tuning;
} network_shard;

typedef struct network_cuts {
    int owners;         /* threads that work on tiles of their own; 1: all threads work on every tile together */
    int64_t owner_rows; /* of one of them, at the most */
    int64_t tile_rows;  /* of a tile, at the most; owner_rows: an owner has one tile. The work space has as many for
                           each owner */
    int tile_lanes;     /* of a tile, at the most; a lane that is longer than a tile is worked on piece by piece */
    int chunk_layers;   /* the first layers, which a thread takes its rows through in chunks: all, some or none */
    int64_t chunk_rows; /* of a chunk, nearly */
    bool early;        /* sums of a layer are taken when backward is through it, not through all (as_model_rows.sums) */
    int portion_lanes; /* of a portion, at the most; 0: there are none. They go through the first chunk_layers layers */
    as_model_passing passing; /* what need not stay then */
} network_cuts;

/* Not collective. */
network_cuts network_cuts_make(const as_model *model, const network_shard *shard);

/* Not collective. How many of the `rows` rows of a portion to work on at a time: nearly a chunk, or all where layers
   see lanes. */
int64_t network_portion_rows(const as_model *model, const network_cuts *cuts, int64_t rows);

/* Not collective. Bytes of the values, their gradients and what layers save, for one row and the first `layers` layers.
 */
int64_t network_row_bytes(const as_model *model, int layers);

#endif
