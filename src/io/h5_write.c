/* Collective writing of an HDF5 file. Every step ends with an agreement of all ranks, so no rank is left alone in a
   collective when another one fails:
     1. rank 0 lets HDF5 lay out the file in memory; all learn the place of every dataset
     2. rank 0 creates the temporary file at its full length; the others open it
     3. each rank writes its pieces, cut at block boundaries, remembering a checksum of what it had in memory; rank 0
        also writes what lies between datasets: HDF5's metadata
     4. fsync; all learn who wrote what, and check that every byte was written exactly once
     5. each block is read back by the rank after its writer, compared with the checksums, and its SHA-256 taken
     6. rank 0 adds the list of contents with the hashes, forces it to the disk, reads it back; then the rename
   Cost per rank: each byte written once, read once, SHA-256 once. */
#include "io/h5_write.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "io/commit.h"
#include "io/h5_contents.h"
#include "io/h5_memory.h"

/* A part of one block that one rank writes. */
typedef struct extent {
    int64_t offset, bytes;
    uint64_t sum; /* of the bytes in the writer's memory */
    int64_t rank;
} extent;

typedef struct block_hash {
    int64_t block;
    uint8_t digest[32];
} block_hash;

typedef struct writer {
    as_world *world;
    int nattributes, nitems;
    const as_h5_attribute *attribute;
    const as_h5_item *item;
    int64_t *offset;       /* (nitems) */
    int64_t bytes, blocks; /* of the HDF5 file */
    as_h5_memory metadata; /* rank 0 */
    as_commit file;
    extent *mine, *all;
    int64_t nmine, capacity, nall;
    block_hash *hash; /* (blocks) on rank 0; this rank's on the others */
    int64_t nhash;
    uint8_t *block; /* (AS_H5_BLOCK) */
    as_text list;   /* rank 0 */
    bool created;   /* rank 0: the temporary file exists */
} writer;

static as_status plan(writer *w)
{
    w->block = malloc(AS_H5_BLOCK);
    if (w->block == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for a block", w->file.path);
    }
    if (as_world_rank(w->world) != 0) {
        return AS_OK;
    }
    AS_TRY(as_h5_layout(w->nattributes, w->attribute, w->nitems, w->item, &w->metadata, w->offset));
    w->bytes = w->metadata.bytes;
    return as_h5_contents_list(w->bytes, w->nattributes, w->attribute, w->nitems, w->item, w->offset, &w->list);
}

static as_status create(writer *w, const char *path)
{
    if (as_world_rank(w->world) != 0) {
        return AS_OK;
    }
    AS_TRY(as_commit_plan(path, &w->file));
    AS_TRY(as_commit_create(&w->file));
    w->created = true;
    return as_commit_reserve(&w->file, w->bytes + as_h5_contents_size(w->bytes, w->list.size));
}

static as_status join(writer *w)
{
    return as_world_rank(w->world) == 0 ? AS_OK : as_commit_join(&w->file);
}

/* Writes [offset, offset + bytes) from data, block by block, and notes the extents. */
static as_status write_range(writer *w, int64_t offset, const uint8_t *data, int64_t bytes)
{
    while (bytes > 0) {
        const int64_t room = AS_H5_BLOCK - offset % AS_H5_BLOCK;
        const int64_t take = bytes < room ? bytes : room;
        if (w->nmine == w->capacity) {
            const int64_t capacity = w->capacity == 0 ? 64 : 2 * w->capacity;
            extent *mine = realloc(w->mine, (size_t)capacity * sizeof *mine);
            if (mine == NULL) {
                AS_FAIL(AS_NOMEM, "%s: out of memory for %lld extents", w->file.path, (long long)capacity);
            }
            w->mine = mine;
            w->capacity = capacity;
        }
        w->mine[w->nmine++] =
            (extent){.offset = offset, .bytes = take, .sum = as_checksum(data, take), .rank = as_world_rank(w->world)};
        AS_TRY(as_commit_write(&w->file, offset, data, take));
        offset += take;
        data += take;
        bytes -= take;
    }
    return AS_OK;
}

static as_status write_pieces(writer *w, int i)
{
    const as_h5_item *item = &w->item[i];
    const int64_t count = as_h5_item_count(item), size = (int64_t)as_dtype_bytes(item->type);
    if (item->text != NULL) {
        const bool own = as_world_rank(w->world) == 0;
        return own ? write_range(w, w->offset[i], (const uint8_t *)item->text, as_h5_item_bytes(item)) : AS_OK;
    }
    for (int p = 0; p < item->npieces; p++) {
        const as_h5_piece *piece = &item->piece[p];
        if (piece->count == 0) {
            continue;
        }
        if (piece->first < 0 || piece->count < 0 || piece->first > count || piece->count > count - piece->first) {
            AS_FAIL(AS_INTERNAL, "%s:%s: piece %lld + %lld of %lld elements", w->file.path, item->name,
                    (long long)piece->first, (long long)piece->count, (long long)count);
        }
        AS_TRY(write_range(w, w->offset[i] + piece->first * size, piece->data, piece->count * size));
    }
    return AS_OK;
}

/* What no dataset covers is HDF5's own. */
static as_status write_metadata_range(writer *w, int64_t first, int64_t end)
{
    uint8_t part[4096];
    while (first < end) {
        const int64_t take = end - first < (int64_t)sizeof part ? end - first : (int64_t)sizeof part;
        as_h5_memory_copy(&w->metadata, first, take, part);
        AS_TRY(write_range(w, first, part, take));
        first += take;
    }
    return AS_OK;
}

static int compare_ranges(const void *a, const void *b)
{
    const int64_t x = ((const extent *)a)->offset, y = ((const extent *)b)->offset;
    return (x > y) - (x < y);
}

static as_status write_metadata(writer *w)
{
    extent *range = calloc((size_t)w->nitems + 1, sizeof *range);
    if (range == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %d ranges", w->file.path, w->nitems);
    }
    int n = 0;
    for (int i = 0; i < w->nitems; i++) {
        if (w->offset[i] >= 0) {
            range[n++] = (extent){.offset = w->offset[i], .bytes = as_h5_item_bytes(&w->item[i])};
        }
    }
    range[n] = (extent){.offset = w->bytes};
    qsort(range, (size_t)n, sizeof *range, compare_ranges);
    as_status status = AS_OK;
    int64_t end = 0;
    for (int i = 0; i <= n && status == AS_OK; i++) {
        status = write_metadata_range(w, end, range[i].offset);
        end = range[i].offset + range[i].bytes;
    }
    free(range);
    return status;
}

static as_status write_all(writer *w)
{
    for (int i = 0; i < w->nitems; i++) {
        AS_TRY(write_pieces(w, i));
    }
    if (as_world_rank(w->world) == 0) {
        AS_TRY(write_metadata(w));
    }
    return as_commit_sync(&w->file);
}

/* Collective. Everyone learns all extents, sorted by place. */
static as_status share_extents(writer *w)
{
    const int size = as_world_size(w->world);
    int64_t *count = calloc((size_t)size, sizeof *count);
    size_t *place = calloc((size_t)size + 1, sizeof *place);
    as_status status = as_world_agree(
        w->world, count == NULL || place == NULL ? as_error_set(AS_NOMEM, "out of memory for %d counts", size) : AS_OK);
    if (status == AS_OK) {
        status = as_world_all_gather(w->world, &w->nmine, sizeof w->nmine, count);
    }
    for (int r = 0; r < size && status == AS_OK; r++) {
        w->nall += count[r];
    }
    if (status == AS_OK) {
        w->all = calloc((size_t)w->nall + 1, sizeof *w->all);
        status = as_world_agree(w->world, w->all == NULL ? as_error_set(AS_NOMEM, "%s: out of memory for %lld extents",
                                                                        w->file.path, (long long)w->nall)
                                                         : AS_OK);
    }
    if (status == AS_OK) {
        status = as_world_gather(w->world, w->mine, (size_t)w->nmine * sizeof *w->mine, w->all, place);
    }
    if (status == AS_OK) {
        status = as_world_broadcast(w->world, 0, w->all, (size_t)w->nall * sizeof *w->all);
    }
    free(count);
    free(place);
    if (status == AS_OK && w->nall > 0) {
        qsort(w->all, (size_t)w->nall, sizeof *w->all, compare_ranges);
    }
    return status;
}

static const char *item_at(const writer *w, int64_t offset)
{
    for (int i = 0; i < w->nitems; i++) {
        if (w->offset[i] >= 0 && offset >= w->offset[i] && offset < w->offset[i] + as_h5_item_bytes(&w->item[i])) {
            return w->item[i].name;
        }
    }
    return "metadata";
}

static as_status check_cover(const writer *w)
{
    int64_t end = 0;
    for (int64_t i = 0; i < w->nall; i++) {
        if (w->all[i].offset != end) {
            const int64_t at = w->all[i].offset < end ? w->all[i].offset : end;
            AS_FAIL(AS_INTERNAL, "%s:%s: file offset %lld is brought %s", w->file.path, item_at(w, at), (long long)at,
                    at == end ? "by no rank" : "twice");
        }
        end += w->all[i].bytes;
    }
    if (end != w->bytes) {
        AS_FAIL(AS_INTERNAL, "%s:%s: file offset %lld is brought by no rank", w->file.path, item_at(w, end),
                (long long)end);
    }
    return AS_OK;
}

/* Reads one block back and compares it with what its writers had in memory; first: its first extent. */
static as_status read_block(writer *w, int64_t block, const extent *first, const extent *end)
{
    const int64_t start = block * AS_H5_BLOCK;
    const int64_t bytes = w->bytes - start < AS_H5_BLOCK ? w->bytes - start : AS_H5_BLOCK;
    AS_TRY(as_commit_read(&w->file, start, w->block, bytes));
    for (const extent *e = first; e < end && e->offset < start + bytes; e++) {
        if (as_checksum(w->block + (e->offset - start), e->bytes) != e->sum) {
            AS_FAIL(AS_IO, "%s:%s: %lld bytes at offset %lld read back otherwise than rank %lld wrote them",
                    w->file.path, item_at(w, e->offset), (long long)e->bytes, (long long)e->offset, (long long)e->rank);
        }
    }
    as_sha256 hash;
    as_sha256_begin(&hash);
    as_sha256_add(&hash, w->block, (size_t)bytes);
    w->hash[w->nhash].block = block;
    as_sha256_end(&hash, w->hash[w->nhash].digest);
    w->nhash++;
    return AS_OK;
}

static as_status read_back(writer *w)
{
    const int size = as_world_size(w->world), rank = as_world_rank(w->world);
    AS_TRY(check_cover(w));
    w->hash = calloc((size_t)w->blocks + 1, sizeof *w->hash);
    if (w->hash == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld hashes", w->file.path, (long long)w->blocks);
    }
    int64_t next = 0;
    for (int64_t i = 0; i < w->nall; i++) {
        /* The extent that starts a block: extents never cross block boundaries. */
        if (w->all[i].offset == next) {
            if ((w->all[i].rank + 1) % size == rank) {
                AS_TRY(read_block(w, next / AS_H5_BLOCK, &w->all[i], &w->all[w->nall]));
            }
            next += AS_H5_BLOCK;
        }
    }
    return AS_OK;
}

static int compare_hashes(const void *a, const void *b)
{
    const int64_t x = ((const block_hash *)a)->block, y = ((const block_hash *)b)->block;
    return (x > y) - (x < y);
}

/* Collective. Rank 0 receives the hashes of all blocks. */
static as_status gather_hashes(writer *w)
{
    const bool root = as_world_rank(w->world) == 0;
    size_t *place = calloc((size_t)as_world_size(w->world) + 1, sizeof *place);
    block_hash *all = root ? calloc((size_t)w->blocks + 1, sizeof *all) : NULL;
    as_status status = as_world_agree(
        w->world, place == NULL || (root && all == NULL)
                      ? as_error_set(AS_NOMEM, "%s: out of memory for %lld hashes", w->file.path, (long long)w->blocks)
                      : AS_OK);
    if (status == AS_OK) {
        status = as_world_gather(w->world, w->hash, (size_t)w->nhash * sizeof *w->hash, all, place);
    }
    free(place);
    if (root && status == AS_OK) {
        free(w->hash);
        w->hash = all;
        qsort(all, (size_t)w->blocks, sizeof *all, compare_hashes);
    } else {
        free(all);
    }
    return status;
}

/* Rank 0 finishes the file; then everybody closes it. */
static as_status finish(writer *w, uint8_t digest[32])
{
    if (as_world_rank(w->world) != 0) {
        return as_commit_close(&w->file);
    }
    for (int64_t i = 0; i < w->blocks; i++) {
        as_h5_contents_hash(&w->list, w->hash[i].digest);
    }
    as_h5_contents_end(&w->list, digest);
    char *found = w->list.failed ? NULL : malloc(w->list.size);
    if (found == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its list of contents", w->file.path);
    }
    as_status status = as_commit_write(&w->file, w->bytes, w->list.data, (int64_t)w->list.size);
    if (status == AS_OK) {
        status = as_commit_sync(&w->file);
    }
    if (status == AS_OK) {
        status = as_commit_read(&w->file, w->bytes, found, (int64_t)w->list.size);
    }
    if (status == AS_OK && memcmp(found, w->list.data, w->list.size) != 0) {
        status = as_error_set(AS_IO, "%s: its list of contents reads back otherwise than written", w->file.path);
    }
    free(found);
    AS_TRY(status);
    return as_commit_close(&w->file);
}

static as_status write_file(writer *w, const char *path, uint8_t digest[32])
{
    as_world *world = w->world;
    AS_TRY(as_world_agree(world, plan(w)));
    AS_TRY(as_world_broadcast(world, 0, &w->bytes, sizeof w->bytes));
    AS_TRY(as_world_broadcast(world, 0, w->offset, (size_t)w->nitems * sizeof *w->offset));
    w->blocks = (w->bytes + AS_H5_BLOCK - 1) / AS_H5_BLOCK;
    AS_TRY(as_world_agree(world, create(w, path)));
    AS_TRY(as_world_broadcast(world, 0, w->file.path, sizeof w->file.path));
    AS_TRY(as_world_broadcast(world, 0, w->file.temporary, sizeof w->file.temporary));
    AS_TRY(as_world_agree(world, join(w)));
    AS_TRY(as_world_agree(world, write_all(w)));
    AS_TRY(share_extents(w));
    AS_TRY(as_world_agree(world, read_back(w)));
    AS_TRY(gather_hashes(w));
    AS_TRY(as_world_agree(world, finish(w, digest)));
    const as_status status = as_world_rank(world) == 0 ? as_commit_publish(&w->file) : AS_OK;
    AS_TRY(as_world_agree(world, status));
    return as_world_broadcast(world, 0, digest, 32);
}

as_status as_h5_write(as_world *world, const char *path, int nattributes, const as_h5_attribute *attribute, int nitems,
                      const as_h5_item *item, uint8_t digest[32])
{
    writer w = {.world = world, .nattributes = nattributes, .attribute = attribute, .nitems = nitems, .item = item};
    w.file.descriptor = -1;
    uint8_t found[32] = {0};
    w.offset = calloc((size_t)nitems + 1, sizeof *w.offset);
    as_status status = as_world_agree(
        world, w.offset == NULL ? as_error_set(AS_NOMEM, "%s: out of memory for %d offsets", path, nitems) : AS_OK);
    if (status == AS_OK) {
        status = write_file(&w, path, found);
    }
    if (status == AS_OK && digest != NULL) {
        memcpy(digest, found, 32);
    }
    as_commit_abandon(&w.file, status != AS_OK && w.created);
    as_h5_memory_free(&w.metadata);
    as_text_free(&w.list);
    free(w.offset);
    free(w.mine);
    free(w.all);
    free(w.hash);
    free(w.block);
    return status;
}
