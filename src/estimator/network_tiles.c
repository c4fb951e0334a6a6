/* Which lanes are worked on together, by whom, and how their vectors meet. Nothing here changes a result: a vector is
   always the sum over one node of the lane tree, and nodes meet as the tree says.

   Two ways to use threads. Together: all threads take rows of the same tile, meet, and divide its weight gradients by
   output; every thread then reads what the others wrote. As owners: a thread takes some lanes from the data to the sum
   by itself, and the threads meet once at the end to join their vectors. Owners pay where the vector is small beside
   the activations (few parameters, many rows), and where lanes divide evenly.

   Tiles cost one pass over a vector each, so they pay only where a tile's activations fit the cache and the vector is
   small beside them. Those of an image are many more: there a tile has as few samples as convolutions take side by
   side, each layer is summed as soon as backward is through it, and gradients use the same memory one after another, so
   that what one layer writes the next one finds near.

   Words: a tile is the lanes that go from the data to the sums together; a chunk, rows of a tile that a thread takes
   through layers at a time; a portion, lanes of the only tile whose first layers go backward, and are summed, before
   the next ones do. Pieces are parts of the flat vector: network_pieces.c. */
#include <stdlib.h>

#include "base/error.h"
#include "estimator/network.h"

enum {
    CACHE_BYTES = 1 << 20, /* what a thread's rows may take of its second-level cache */
    FAR_BYTES = 16 << 20,  /* where a thread's rows take more than this, they are far from the cache ... */
    POSITIONS = 512,       /* ... and tiles of about so many positions a thread are nearer */
    OWNERS_WORTH = 8,      /* bytes of activations for one of the vector, from which on threads own lanes */
    CHUNK_LEAST = 32,      /* rows of a matrix */
    CHUNK_IMAGES = 14      /* samples that convolutions take side by side */
};

/* Whether lanes [first, first + lanes) are one node of the tree. */
static as_status is_node(const as_tree *tree, int first, int lanes, bool *out)
{
    as_tree_program program;
    AS_TRY(as_tree_program_make(tree, first, lanes, &program));
    *out = program.parts == 1;
    as_tree_program_destroy(&program);
    return AS_OK;
}

/* A vector that holds the sum over a node: lanes [first, first + lanes). */
typedef struct node_span {
    int slot, first, lanes;
} node_span;

typedef struct node_stack {
    int depth;
    node_span node[4 * AS_TREE_DEPTH_MAX];
} node_stack;

static as_status push(node_stack *stack, node_span node)
{
    if (stack->depth == 4 * AS_TREE_DEPTH_MAX) {
        AS_FAIL(AS_INTERNAL, "lanes from %d on need more than %d vectors", node.first, stack->depth);
    }
    stack->node[stack->depth++] = node;
    return AS_OK;
}

/* Whether the two nodes on top are siblings; if so, they become one, in the left one's vector. */
static as_status meet(const as_tree *tree, node_stack *stack, bool *out)
{
    *out = false;
    if (stack->depth < 2) {
        return AS_OK;
    }
    node_span *left = &stack->node[stack->depth - 2];
    const node_span *right = left + 1;
    AS_TRY(is_node(tree, left->first, left->lanes + right->lanes, out));
    if (*out) {
        left->lanes += right->lanes;
        stack->depth--;
    }
    return AS_OK;
}

/* Programs, vectors and merges of an owner's tiles (n of all), whose vectors begin at `base`: a stack of finished nodes
   whose siblings merge as soon as both are there. *nvectors: how many there are at least. */
static as_status plan_merges(const as_lanes *lanes, int n, network_tile *tiles, int owner, int base, node_stack *stack,
                             int *nvectors)
{
    for (int t = 0; t < n; t++) {
        network_tile *tile = &tiles[t];
        if (tile->owner != owner) {
            continue;
        }
        AS_TRY(as_tree_program_make(&lanes->tree, lanes->first + tile->lane, tile->lanes, &tile->program));
        tile->slot = base + stack->depth;
        for (int p = 0; p < tile->program.parts; p++) {
            AS_TRY(push(stack,
                        (node_span){base + stack->depth, tile->program.part_first[p], tile->program.part_lanes[p]}));
        }
        *nvectors = base + stack->depth > *nvectors ? base + stack->depth : *nvectors;
        bool merges = true;
        while (tile->nmerges < AS_TREE_DEPTH_MAX) {
            AS_TRY(meet(&lanes->tree, stack, &merges));
            if (!merges) {
                break;
            }
            tile->merge[tile->nmerges++] = base + stack->depth - 1;
        }
    }
    return AS_OK;
}

/* Tiles to vectors, owner by owner; then the joins of the owners' vectors to the parts of the rank. */
static as_status plan_vectors(as_network *network)
{
    const as_lanes *lanes = network->setup.lanes;
    node_stack all = {0};
    network->join = calloc((size_t)(network->owners * 2 * AS_TREE_DEPTH_MAX), sizeof *network->join);
    network->part_slot = calloc((size_t)lanes->program.parts + 1, sizeof *network->part_slot);
    network->owner_bad = calloc((size_t)network->owners, sizeof *network->owner_bad);
    if (network->join == NULL || network->part_slot == NULL || network->owner_bad == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the vectors of %d owners", network->owners);
    }
    for (int owner = 0; owner < network->owners; owner++) {
        node_stack own = {0};
        AS_TRY(plan_merges(lanes, network->ntiles, network->tile, owner, network->nvectors, &own, &network->nvectors));
        for (int i = 0; i < own.depth; i++) {
            AS_TRY(push(&all, own.node[i]));
            for (bool merges = true; merges;) {
                const int right = all.node[all.depth - 1].slot;
                AS_TRY(meet(&lanes->tree, &all, &merges));
                if (merges) {
                    network->join[network->njoins++] =
                        (network_join){.left = all.node[all.depth - 1].slot, .right = right};
                }
            }
        }
    }
    if (all.depth == 1 && all.node[0].lanes == lanes->lanes) {
        if (network->njoins > 0) {
            network->join[network->njoins - 1].root = true;
        } else {
            network_tile *last = &network->tile[network->ntiles - 1];
            last->root = last->nmerges > 0;
        }
    }
    if (all.depth != lanes->program.parts) {
        AS_FAIL(AS_INTERNAL, "tiles leave %d parts, the rank has %d", all.depth, lanes->program.parts);
    }
    for (int p = 0; p < all.depth; p++) {
        network->part_slot[p] = (int16_t)all.node[p].slot;
    }
    return AS_OK;
}

/* Bytes of activations, their gradients and what layers save, for one row and the first `layers` layers. */
static int64_t bytes_of_row(const as_model *model, int layers)
{
    int64_t reals = 2 * model->in_size;
    for (int l = 0; l < layers; l++) {
        reals += 2 * model->layer[l].out_size + model->layer[l].saved;
    }
    return reals * (int64_t)model->kernels->real_bytes;
}

static int64_t row_bytes(const as_network *network)
{
    return bytes_of_row(&network->model, network->model.nlayers);
}

static int choose_owners(const as_network *network, int64_t capacity)
{
    const as_setup *setup = &network->setup;
    const int threads = as_team_size(setup->team), own = setup->lanes->count;
    if (network->model.ties || network->model.segments > 0 || network->model.scope == AS_SCOPE_BATCH) {
        return 1; /* Sums of shared parameters have one place; segments use memory in turn; a batch meets as one. */
    }
    if (setup->tuning.owners > 0) {
        return setup->tuning.owners < own && setup->tuning.owners <= threads ? setup->tuning.owners : 1;
    }
    const int idle = (own + threads - 1) / threads * threads - own; /* lanes that the longest owner has more */
    const int64_t vector = network->n * (int64_t)setup->kernels->real_bytes;
    const bool even = own >= threads && idle * OWNERS_WORTH <= own;
    return threads > 1 && setup->micro_batch == 0 && even && OWNERS_WORTH * vector <= capacity * row_bytes(network)
               ? threads
               : 1;
}

/* Positions of a sample of a network that takes each sequence apart, as a transformer does; 1 of others: recurrent
   layers want many samples, those of images have their chunks. */
static int64_t positions_of(const as_model *model)
{
    int64_t least = 0;
    for (int l = 0; l < model->nlayers; l++) {
        const as_layer *layer = &model->layer[l];
        const int64_t positions = as_shape_positions(&layer->out);
        if (layer->ops->carries || layer->out.rank > 2) {
            return 1;
        }
        if (layer->ops->extend != NULL && layer->nparams > 0) {
            least = least == 0 || positions < least ? positions : least;
        }
    }
    return least > 0 ? least : 1;
}

/* A thread's products have enough rows to read a weight for, and what one pass writes is not so far when the next one
   reads it. */
int64_t network_sequence_tile(const as_model *model, int64_t rows, int threads)
{
    const int64_t positions = positions_of(model), tile = threads * ((POSITIONS + positions - 1) / positions);
    const bool far = rows * bytes_of_row(model, model->nlayers) > threads * (int64_t)FAR_BYTES;
    return positions > 1 && far && 2 * tile <= rows ? tile : rows;
}

/* Bytes of the parameters of the first `layers` layers. */
static int64_t bytes_of_weights(const as_model *model, int layers)
{
    int64_t weights = 0;
    for (int l = 0; l < layers; l++) {
        const as_layer *layer = &model->layer[l];
        for (int q = 0; q < layer->nparams; q++) {
            weights += layer->param[q].count * (int64_t)model->kernels->real_bytes;
        }
    }
    return weights;
}

/* Threads that have their rows for themselves. */
static bool is_alone(const as_network *network)
{
    return network->owners > 1 || as_team_size(network->setup.team) == 1;
}

/* Rows of a tile of a network of images, with `lane_rows` in a lane, of a thread that has its rows for itself; 0: they
   are no images, or do not want such tiles. */
static int64_t image_tile(const as_model *model, int64_t rows, int64_t lane_rows)
{
    bool images = false;
    for (int l = 0; l < model->nlayers; l++) {
        images = images || (model->layer[l].out.rank >= 3 && model->layer[l].nparams > 0);
    }
    const int64_t least = lane_rows < 2 * CHUNK_IMAGES && lane_rows > CHUNK_IMAGES ? lane_rows : CHUNK_IMAGES;
    const bool pays = rows * bytes_of_row(model, model->nlayers) > (int64_t)FAR_BYTES &&
                      bytes_of_weights(model, model->nlayers) <= CACHE_BYTES / 2;
    const bool can = !model->ties && model->segments == 0 && model->scope != AS_SCOPE_BATCH;
    return images && pays && can ? least : 0;
}

int64_t network_tile_alone(const as_model *model, int64_t rows, int64_t lane_rows)
{
    const int64_t images = image_tile(model, rows, lane_rows);
    return images == 0 ? network_sequence_tile(model, rows, 1) : images < lane_rows ? lane_rows : images;
}

/* How many of the `rows` rows of an owner to work on at a time. */
static int64_t choose_tile_rows(const as_network *network, int64_t rows, int64_t lane_rows)
{
    const as_setup *setup = &network->setup;
    if (network->model.scope == AS_SCOPE_BATCH) {
        return rows;
    }
    if (setup->micro_batch > 0) {
        return setup->micro_batch;
    }
    if (setup->tuning.tile_rows > 0) {
        return setup->tuning.tile_rows;
    }
    const int64_t images = is_alone(network) ? image_tile(&network->model, rows, lane_rows) : 0;
    if (images > 0) {
        return images;
    }
    const int threads = as_team_size(setup->team) / network->owners;
    const int64_t vector = network->n * (int64_t)setup->kernels->real_bytes;
    const int64_t cached = threads * (int64_t)CACHE_BYTES / row_bytes(network);
    return cached < 64 || rows <= 2 * cached || vector > CACHE_BYTES / 2
               ? network_sequence_tile(&network->model, rows, threads)
               : cached;
}

/* A thread's rows go through layers in chunks only where their weights stay in cache as well: through all, or through
   the first ones, as the convolutions of a network that ends in wide dense layers. Sequences have sums that come early
   instead, which want all layers to take the same rows. */
static int choose_chunk_layers(const as_network *network)
{
    const as_model *model = &network->model;
    const int asked = network->setup.tuning.chunk_layers;
    const bool whole = model->scope == AS_SCOPE_BATCH || model->segments > 0; /* phases are of all layers */
    if (asked > 0 && !whole) {
        return asked < model->nlayers ? asked : model->nlayers;
    }
    int layers = 0;
    while (layers < model->nlayers && bytes_of_weights(model, layers + 1) <= CACHE_BYTES / 2) {
        layers++;
    }
    const bool pays =
        !whole && positions_of(model) == 1 && network->tile_rows * bytes_of_row(&network->model, layers) > CACHE_BYTES;
    return layers == model->nlayers || pays ? layers : 0;
}

/* Rows that keep products fast: samples of many positions have many each. */
static int64_t least_chunk(const as_network *network)
{
    int64_t least = 1;
    for (int l = 0; l < network->chunk_layers; l++) {
        const as_layer *layer = &network->model.layer[l];
        if (layer->nparams == 0) {
            continue;
        }
        const int64_t positions = as_shape_positions(&layer->out);
        const int64_t rows = layer->out.rank >= 3 ? CHUNK_IMAGES : (CHUNK_LEAST + positions - 1) / positions;
        least = rows > least ? rows : least;
    }
    return least;
}

static int64_t choose_chunk(const as_network *network)
{
    if (network->setup.tuning.chunk_rows > 0) {
        return network->setup.tuning.chunk_rows;
    }
    if (network->chunk_layers == 0) {
        return network->tile_rows;
    }
    const int64_t rows = CACHE_BYTES / 2 / bytes_of_row(&network->model, network->chunk_layers),
                  least = least_chunk(network);
    return network->tile_rows < 2 * CHUNK_IMAGES ? network->tile_rows : rows < least ? least : rows;
}

/* Sums of a layer are taken while what backward wrote is near, where that is not near any more after all layers: a
   barrier of the threads for each layer. Layers that see lanes have them all at once then. */
static bool choose_early(const as_network *network, int64_t capacity)
{
    const as_model *model = &network->model;
    const as_force asked = network->setup.tuning.early;
    const bool lanes = model->scope == AS_SCOPE_LANE && is_alone(network);
    const bool can = !model->ties && model->segments == 0 && (model->scope == AS_SCOPE_ROW || lanes) &&
                     (network->chunk_layers == 0 || network->chunk_layers == model->nlayers) &&
                     network->chunk >= network->tile_rows;
    const bool pays = network->tile_rows * row_bytes(network) > (int64_t)FAR_BYTES ||
                      (is_alone(network) && image_tile(model, capacity, network->tile_rows) > 0);
    return can && asked != AS_NEVER && (asked == AS_ALWAYS || pays);
}

/* The own lanes [first, end) of an owner. */
typedef struct lane_range {
    int owner, first, end;
} lane_range;

/* Appends what the node over lanes [a, b), whose splits in pre-order begin at `split`, has of the range, to n tiles as
   tiles of at most `most` lanes: each is a node of the tree, so that every tile gives one vector and siblings meet. */
static void cut_node(const as_network *network, const lane_range *range, const int16_t *split, int a, int b, int most,
                     int *n, network_tile *tiles)
{
    const int origin = network->setup.lanes->first, first = origin + range->first, end = origin + range->end;
    if (b <= first || a >= end) {
        return;
    }
    if (a >= first && b <= end && (b - a <= most || b - a == 1)) {
        tiles[(*n)++] = (network_tile){.owner = range->owner, .lane = a - origin, .lanes = b - a};
        return;
    }
    const int middle = split[0];
    cut_node(network, range, split + 1, a, middle, most, n, tiles);
    cut_node(network, range, split + (middle - a), middle, b, most, n, tiles);
}

/* Whether the first layers go backward in portions: where their rows are far from the cache, as those of convolutions
   before wide dense layers, whose vectors are too long for tiles. */
static bool choose_portions(const as_network *network, int64_t rows)
{
    const as_model *model = &network->model;
    const int cut = network->chunk_layers;
    const as_force asked = network->setup.tuning.early;
    const bool can = cut > 0 && cut < model->nlayers && network->ntiles == 1 && network->owners == 1 &&
                     network->tile_rows >= rows && is_alone(network) && !model->ties && model->segments == 0 &&
                     model->scope != AS_SCOPE_BATCH;
    const bool pays = rows * bytes_of_row(model, cut) > (int64_t)FAR_BYTES;
    return can && asked != AS_NEVER && (asked == AS_ALWAYS || pays);
}

int64_t network_portion_rows(const as_network *network, int64_t rows)
{
    const int64_t passes = network->model.scope == AS_SCOPE_ROW ? (rows + network->chunk / 2) / network->chunk : 1;
    return passes > 1 ? (rows + passes - 1) / passes : rows;
}

/* Pieces of as many whole lanes as a chunk has rows, and at least one. */
static as_status plan_portions(as_network *network, int64_t lane_rows)
{
    const as_lanes *lanes = network->setup.lanes;
    const lane_range range = {0, 0, lanes->count};
    node_stack stack = {0};
    int most = network->chunk / lane_rows > 1 ? (int)(network->chunk / lane_rows) : 1;
    network->portion = calloc((size_t)lanes->count, sizeof *network->portion);
    if (network->portion == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d portions", lanes->count);
    }
    most = most < lanes->count ? most : lanes->count;
    cut_node(network, &range, lanes->tree.split, 0, lanes->lanes, most, &network->nportions, network->portion);
    AS_TRY(plan_merges(lanes, network->nportions, network->portion, 0, 0, &stack, &network->nspares));
    network->spare = calloc((size_t)network->nspares, sizeof *network->spare);
    if (network->spare == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d vectors", network->nspares);
    }
    for (int l = 0; l < network->chunk_layers; l++) {
        const as_layer *layer = &network->model.layer[l];
        for (int q = 0; q < layer->nparams; q++) {
            const int64_t end = layer->param[q].offset + layer->param[q].count;
            network->first_reals = end > network->first_reals ? end : network->first_reals;
        }
    }
    const int64_t rows = most * lane_rows, pass = network->chunk + network->chunk / 2 + 1;
    const bool whole = network->model.scope != AS_SCOPE_ROW || rows < pass;
    network->passing.layers = network->chunk_layers;
    network->passing.rows = whole ? rows : pass;
    return AS_OK;
}

as_status network_plan_tiles(as_network *network)
{
    const as_setup *setup = &network->setup;
    const int64_t capacity = setup->capacity > 0 ? setup->capacity : 1;
    const int own = setup->lanes->count;
    const int64_t lane_rows = (capacity + own - 1) / own;
    network->owners = choose_owners(network, capacity);
    int longest, first;
    as_tree_share(own, network->owners, 0, &first, &longest);
    const int64_t rows = network->owners == 1 ? capacity : longest * lane_rows;
    int64_t limit = choose_tile_rows(network, rows, lane_rows);
    if (network->model.scope != AS_SCOPE_ROW && limit < lane_rows) {
        limit = lane_rows; /* its layers want whole lanes */
    }
    const int64_t most = limit / lane_rows > 1 ? limit / lane_rows : 1;
    network->tile = calloc((size_t)own, sizeof *network->tile);
    if (network->tile == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d tiles", own);
    }
    for (int owner = 0; owner < network->owners; owner++) {
        int begin, count;
        as_tree_share(own, network->owners, owner, &begin, &count);
        const lane_range range = {owner, begin, begin + count};
        if (limit >= rows) {
            network->tile[network->ntiles++] = (network_tile){.owner = owner, .lane = begin, .lanes = count};
        } else {
            cut_node(network, &range, setup->lanes->tree.split, 0, setup->lanes->lanes, (int)(most < own ? most : own),
                     &network->ntiles, network->tile);
        }
    }
    network->tile_rows = limit >= rows             ? rows
                         : limit < lane_rows       ? limit
                         : most * lane_rows < rows ? most * lane_rows
                                                   : rows;
    network->chunk_layers = choose_chunk_layers(network);
    network->chunk = choose_chunk(network);
    network->early = choose_early(network, rows);
    network->passing.layers = network->early ? network->model.nlayers : 0;
    network->passing.rows = network->tile_rows;
    network->passing.owners = network->owners;
    network->passing.threads = as_team_size(setup->team);
    network->passing.together = !is_alone(network);
    if (network->model.scope == AS_SCOPE_ROW && (network->chunk < network->tile_rows || network->early)) {
        network->passing.forward_layers = network->early ? network->model.nlayers : network->chunk_layers;
        network->passing.chunk = network->chunk;
    }
    if (!network->early && choose_portions(network, rows)) {
        AS_TRY(plan_portions(network, lane_rows));
    }
    return plan_vectors(network);
}
