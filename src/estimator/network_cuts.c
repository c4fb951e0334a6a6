/* How the rows of a rank are cut. Each cut below has its reason, when it pays and when it cannot be; they are made from
   the widest to the narrowest, since each asks what the wider ones have left:

     owners     threads do not meet and do not read each other's rows, but each has a vector to be joined: where vectors
                are short beside the activations
     tiles      a tile's activations are still in the cache when its gradients are summed, but each costs a pass over
                the vector: where the vector fits the cache (plain layers), where one weight read serves enough
                positions (sequences), or where layers are summed early (images)
     chunks     what one layer writes the next one finds near, but its weights are read again for each chunk: where the
                weights stay near as well
     early      sums take what backward has just written, before it goes on, and gradients use the same memory one after
                another, but all threads meet at each layer: where rows are far from the cache
     portions   the same for the first layers alone, where the others want all rows at once: convolutions before wide
                dense layers, whose vectors are too long for tiles */
#include "estimator/network_cuts.h"

enum {
    CACHE_BYTES = 1 << 20, /* what a thread's rows may take of its second-level cache */
    FAR_BYTES = 16 << 20,  /* where a thread's rows take more than this, they are far from the cache ... */
    POSITIONS = 512,       /* ... and tiles of about so many positions a thread are nearer */
    OWNERS_WORTH = 8,      /* bytes of activations for one of the vector, from which on threads own lanes */
    CHUNK_LEAST = 32,      /* rows of a matrix */
    CHUNK_IMAGES = 14      /* samples that convolutions take side by side */
};

int64_t network_row_bytes(const as_model *model, int layers)
{
    int64_t reals = 2 * model->in_size;
    for (int l = 0; l < layers; l++) {
        reals += 2 * model->layer[l].out_size + model->layer[l].saved;
    }
    return reals * (int64_t)model->kernels->real_bytes;
}

/* Bytes of the parameters of the first `layers` layers. */
static int64_t weight_bytes(const as_model *model, int layers)
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

/* Bytes of what is summed over samples. */
static int64_t vector_bytes(const as_model *model)
{
    int64_t reals = 0;
    for (int l = 0; l < model->nlayers; l++) {
        for (int q = 0; q < model->layer[l].nparams; q++) {
            reals += as_layer_moves(&model->layer[l], q) ? model->layer[l].param[q].count : 0;
        }
    }
    return reals * (int64_t)model->kernels->real_bytes;
}

/* What the conditions are about. */
typedef struct facts {
    const as_model *model;
    const network_shard *shard;
    int64_t lane_rows;    /* rows of a lane, at the most */
    int64_t row_bytes;    /* through all layers */
    int64_t vector_bytes; /* of a gradient, without what does not train */
    int64_t positions;    /* of a sequence; 1: samples are none */
    bool images;          /* layers with parameters give some */
    bool apart;  /* rows can go from the data to the sums without others: shared parameters have one place for their
                    sums, segments use memory in turn, and a batch meets as one */
    bool phased; /* all rows go through phases together: segments, or a batch that meets */
} facts;

static facts facts_of(const as_model *model, const network_shard *shard)
{
    const bool phased = model->segments > 0 || model->scope == AS_SCOPE_BATCH;
    facts f = {.model = model,
               .shard = shard,
               .lane_rows = (shard->rows + shard->lanes - 1) / shard->lanes,
               .row_bytes = network_row_bytes(model, model->nlayers),
               .vector_bytes = vector_bytes(model),
               .positions = positions_of(model),
               .apart = !phased && !model->ties,
               .phased = phased};
    for (int l = 0; l < model->nlayers; l++) {
        f.images = f.images || (model->layer[l].out.rank >= 3 && model->layer[l].nparams > 0);
    }
    return f;
}

static bool choose(as_force asked, bool can, bool pays)
{
    return can && asked != AS_NEVER && (asked == AS_ALWAYS || pays);
}

/* Whether a thread has its rows for itself: nobody waits for it. */
static bool is_alone(const facts *f, const network_cuts *c)
{
    return c->owners > 1 || f->shard->threads == 1;
}

/* Owners: where all threads are, lanes divide nearly evenly among them, and joining vectors is little beside the
   activations that nobody else reads then. */
static int choose_owners(const facts *f)
{
    const network_shard *s = f->shard;
    const int idle = (s->lanes + s->threads - 1) / s->threads * s->threads - s->lanes; /* that the longest has more */
    const bool even = s->lanes >= s->threads && idle * OWNERS_WORTH <= s->lanes;
    const bool pays = s->micro_batch == 0 && even && OWNERS_WORTH * f->vector_bytes <= s->rows * f->row_bytes;
    if (!f->apart || s->threads == 1) {
        return 1;
    }
    if (s->tuning.owners > 0) {
        return s->tuning.owners < s->lanes && s->tuning.owners <= s->threads ? s->tuning.owners : 1;
    }
    return pays ? s->threads : 1;
}

/* Images whose values are far from the cache, while their weights are near: tiles and early sums, by a thread alone. */
static bool images_pay(const facts *f, const network_cuts *c)
{
    return f->images && f->apart && is_alone(f, c) && c->owner_rows * f->row_bytes > (int64_t)FAR_BYTES &&
           weight_bytes(f->model, f->model->nlayers) <= CACHE_BYTES / 2;
}

/* Tiles of images: as few samples as convolutions take side by side, or a lane that has nearly so few. */
static int64_t image_tile(const facts *f)
{
    const bool near = f->lane_rows > CHUNK_IMAGES && f->lane_rows < 2 * CHUNK_IMAGES;
    return near ? f->lane_rows : CHUNK_IMAGES;
}

/* Tiles of sequences that are far from the cache: a thread's products have enough rows to read a weight for, and what
   one pass writes is not so far when the next one reads it. */
static int64_t sequence_tile(const facts *f, int64_t rows, int threads)
{
    const int64_t tile = threads * ((POSITIONS + f->positions - 1) / f->positions);
    const bool far = rows * f->row_bytes > threads * (int64_t)FAR_BYTES;
    return f->positions > 1 && far && 2 * tile <= rows ? tile : rows;
}

/* How many of an owner's rows to work on at a time: what is asked for, or tiles of images, of sequences, or as many
   rows as the cache holds, where that is enough for fast products, and the vector is near as well. */
static int64_t choose_tile(const facts *f, const network_cuts *c)
{
    const network_shard *s = f->shard;
    const int threads = s->threads / c->owners;
    const int64_t cached = threads * (int64_t)CACHE_BYTES / f->row_bytes;
    if (f->model->scope == AS_SCOPE_BATCH) {
        return c->owner_rows;
    }
    if (s->micro_batch > 0) {
        return s->micro_batch;
    }
    if (s->tuning.tile_rows > 0) {
        return s->tuning.tile_rows;
    }
    if (images_pay(f, c)) {
        return image_tile(f);
    }
    const bool pays = cached >= 64 && c->owner_rows > 2 * cached && f->vector_bytes <= CACHE_BYTES / 2;
    return pays ? cached : sequence_tile(f, c->owner_rows, threads);
}

/* Tiles are whole lanes, or, where layers do not ask for those, parts of one. */
static void cut_tiles(const facts *f, network_cuts *c)
{
    int64_t limit = choose_tile(f, c);
    if (f->model->scope != AS_SCOPE_ROW && limit < f->lane_rows) {
        limit = f->lane_rows;
    }
    const int64_t most = limit / f->lane_rows > 1 ? limit / f->lane_rows : 1;
    c->tile_lanes = most < f->shard->lanes ? (int)most : f->shard->lanes;
    c->tile_rows = limit >= c->owner_rows ? c->owner_rows : limit < f->lane_rows ? limit : most * f->lane_rows;
}

/* Chunks: where the weights of the layers stay in the cache with them, through all layers, or through the first ones,
   as the convolutions of a network that ends in wide dense layers. Sequences have early sums instead, which want all
   layers to take the same rows. */
static int choose_chunk_layers(const facts *f, const network_cuts *c)
{
    const as_model *model = f->model;
    const int asked = f->shard->tuning.chunk_layers;
    if (asked > 0 && !f->phased) {
        return asked < model->nlayers ? asked : model->nlayers;
    }
    int layers = 0;
    while (layers < model->nlayers && weight_bytes(model, layers + 1) <= CACHE_BYTES / 2) {
        layers++;
    }
    const bool pays = !f->phased && f->positions == 1 && c->tile_rows * network_row_bytes(model, layers) > CACHE_BYTES;
    return layers == model->nlayers || pays ? layers : 0;
}

/* Rows that keep products fast: samples of many positions have many each. */
static int64_t least_chunk(const as_model *model, int layers)
{
    int64_t least = 1;
    for (int l = 0; l < layers; l++) {
        const as_layer *layer = &model->layer[l];
        if (layer->nparams == 0) {
            continue;
        }
        const int64_t positions = as_shape_positions(&layer->out);
        const int64_t rows = layer->out.rank >= 3 ? CHUNK_IMAGES : (CHUNK_LEAST + positions - 1) / positions;
        least = rows > least ? rows : least;
    }
    return least;
}

static int64_t choose_chunk_rows(const facts *f, const network_cuts *c)
{
    if (f->shard->tuning.chunk_rows > 0) {
        return f->shard->tuning.chunk_rows;
    }
    if (c->chunk_layers == 0 || c->tile_rows < 2 * CHUNK_IMAGES) {
        return c->tile_rows;
    }
    const int64_t rows = CACHE_BYTES / 2 / network_row_bytes(f->model, c->chunk_layers);
    const int64_t least = least_chunk(f->model, c->chunk_layers);
    return rows < least ? least : rows;
}

/* Early sums: where what backward wrote is not near any more after all layers. All rows of a thread go through a layer
   then, whole lanes of them where it sees lanes. */
static bool sums_come_early(const facts *f, const network_cuts *c)
{
    const bool whole = c->chunk_layers == 0 || c->chunk_layers == f->model->nlayers;
    const bool can =
        f->apart && (f->model->scope == AS_SCOPE_ROW || is_alone(f, c)) && whole && c->chunk_rows >= c->tile_rows;
    const bool pays = c->tile_rows * f->row_bytes > (int64_t)FAR_BYTES || images_pay(f, c);
    return choose(f->shard->tuning.early, can, pays);
}

/* Portions: where the rows of the first layers are far from the cache, some of them are summed, and nothing else is
   cut. */
static bool comes_in_portions(const facts *f, const network_cuts *c)
{
    const bool some = c->chunk_layers > 0 && c->chunk_layers < f->model->nlayers;
    const bool can = f->apart && !c->early && some && f->shard->threads == 1 && c->tile_rows >= c->owner_rows;
    const bool pays = c->owner_rows * network_row_bytes(f->model, c->chunk_layers) > (int64_t)FAR_BYTES &&
                      weight_bytes(f->model, c->chunk_layers) > 0;
    return choose(f->shard->tuning.early, can, pays);
}

/* As many whole lanes as a chunk has rows, and at least one. */
static int portion_lanes(const facts *f, const network_cuts *c)
{
    const int64_t most = c->chunk_rows / f->lane_rows > 1 ? c->chunk_rows / f->lane_rows : 1;
    return most < f->shard->lanes ? (int)most : f->shard->lanes;
}

int64_t network_portion_rows(const as_model *model, const network_cuts *cuts, int64_t rows)
{
    const int64_t passes = model->scope == AS_SCOPE_ROW ? (rows + cuts->chunk_rows / 2) / cuts->chunk_rows : 1;
    return passes > 1 ? (rows + passes - 1) / passes : rows;
}

/* Gradients pass where layers are summed before the next one: of all layers, for the rows of a tile, or of those that
   go in portions, for the rows of one of their passes. Values pass where only forward looks at them, and a thread takes
   few rows at a time through the layers. */
static as_model_passing passing_of(const facts *f, const network_cuts *c)
{
    const as_model *model = f->model;
    as_model_passing p = {.backward_layers = c->early ? model->nlayers : 0,
                          .backward_rows = c->tile_rows,
                          .owners = c->owners,
                          .threads = f->shard->threads,
                          .together = !is_alone(f, c)};
    if (model->scope == AS_SCOPE_ROW && (c->chunk_rows < c->tile_rows || c->early)) {
        p.forward_layers = c->early ? model->nlayers : c->chunk_layers;
        p.forward_rows = c->chunk_rows;
    }
    if (c->portion_lanes > 0) {
        const int64_t rows = c->portion_lanes * f->lane_rows, pass = c->chunk_rows + c->chunk_rows / 2 + 1;
        p.backward_layers = c->chunk_layers;
        p.backward_rows = model->scope != AS_SCOPE_ROW || rows < pass ? rows : pass;
    }
    return p;
}

network_cuts network_cuts_make(const as_model *model, const network_shard *shard)
{
    const facts f = facts_of(model, shard);
    network_cuts c = {.owners = choose_owners(&f)};
    int first, longest;
    as_tree_share(shard->lanes, c.owners, 0, &first, &longest);
    c.owner_rows = c.owners == 1 ? shard->rows : longest * f.lane_rows;
    cut_tiles(&f, &c);
    c.chunk_layers = choose_chunk_layers(&f, &c);
    c.chunk_rows = choose_chunk_rows(&f, &c);
    c.early = sums_come_early(&f, &c);
    c.portion_lanes = comes_in_portions(&f, &c) ? portion_lanes(&f, &c) : 0;
    c.passing = passing_of(&f, &c);
    return c;
}
