/* Tiles and portions over the lane tree, and how their vectors meet. Nothing here changes a result: a vector is always
   the sum over one node of the tree, and nodes meet as the tree says. How many rows a tile has, and who works on it, is
   said by network_cuts.c. */
#include <stdlib.h>

#include "base/error.h"
#include "estimator/network.h"

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
    network->join = calloc((size_t)(network->cuts.owners * 2 * AS_TREE_DEPTH_MAX), sizeof *network->join);
    network->part_slot = calloc((size_t)lanes->program.parts + 1, sizeof *network->part_slot);
    network->owner_bad = calloc((size_t)network->cuts.owners, sizeof *network->owner_bad);
    if (network->join == NULL || network->part_slot == NULL || network->owner_bad == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the vectors of %d owners", network->cuts.owners);
    }
    for (int owner = 0; owner < network->cuts.owners; owner++) {
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

/* Vectors of portions hold the sums of the layers that go in portions, which are the first of the flat vector. */
static as_status plan_portions(as_network *network)
{
    const as_lanes *lanes = network->setup.lanes;
    const network_cuts *cuts = &network->cuts;
    const lane_range range = {0, 0, lanes->count};
    node_stack stack = {0};
    network->portion = calloc((size_t)lanes->count, sizeof *network->portion);
    if (network->portion == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d portions", lanes->count);
    }
    cut_node(network, &range, lanes->tree.split, 0, lanes->lanes, cuts->portion_lanes, &network->nportions,
             network->portion);
    AS_TRY(plan_merges(lanes, network->nportions, network->portion, 0, 0, &stack, &network->nspares));
    network->spare = calloc((size_t)network->nspares, sizeof *network->spare);
    if (network->spare == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d vectors", network->nspares);
    }
    for (int l = 0; l < cuts->chunk_layers; l++) {
        const as_layer *layer = &network->model.layer[l];
        for (int q = 0; q < layer->nparams; q++) {
            const int64_t end = layer->param[q].offset + layer->param[q].count;
            network->first_reals = end > network->first_reals ? end : network->first_reals;
        }
    }
    return AS_OK;
}

/* An owner has one tile of all its lanes, or nodes of the tree that are short enough. */
static void plan_owner(as_network *network, int owner)
{
    const as_lanes *lanes = network->setup.lanes;
    const network_cuts *cuts = &network->cuts;
    int begin, count;
    as_tree_share(lanes->count, cuts->owners, owner, &begin, &count);
    if (cuts->tile_rows >= cuts->owner_rows) {
        network->tile[network->ntiles++] = (network_tile){.owner = owner, .lane = begin, .lanes = count};
        return;
    }
    const lane_range range = {owner, begin, begin + count};
    cut_node(network, &range, lanes->tree.split, 0, lanes->lanes, cuts->tile_lanes, &network->ntiles, network->tile);
}

as_status network_plan_tiles(as_network *network)
{
    const as_setup *setup = &network->setup;
    const int own = setup->lanes->count;
    const network_shard shard = {.rows = setup->capacity > 0 ? setup->capacity : 1,
                                 .lanes = own,
                                 .threads = as_team_size(setup->team),
                                 .micro_batch = setup->micro_batch,
                                 .tuning = setup->tuning};
    network->cuts = network_cuts_make(&network->model, &shard);
    network->tile = calloc((size_t)own, sizeof *network->tile);
    if (network->tile == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d tiles", own);
    }
    for (int owner = 0; owner < network->cuts.owners; owner++) {
        plan_owner(network, owner);
    }
    if (network->cuts.portion_lanes > 0) {
        AS_TRY(plan_portions(network));
    }
    return plan_vectors(network);
}
