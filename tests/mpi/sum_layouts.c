/* Every layout finds the same sum: this program compares the sum of its ranks with the plain walk of the tree, bit for
   bit, over sizes, rounds and precisions, checks shared vectors, block sums, failures, and the bytes on the wire.
   usage: sum_layouts [p2p] [node=RANKS] [message=BYTES] [threads=N] [lanes=V] [hash=WANTED]
   [size=ELEMENTS: this one alone] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "comm/sum.h"
#include "tests/mpi/lane_vectors.h"

typedef struct setting {
    as_world *world;
    as_lanes lanes;
    as_team *team;
    const as_kernels *kernels;
    as_sha256 hash;
    int bad;
} setting;

static void expect(setting *s, bool holds, const char *what, int64_t n)
{
    if (!holds) {
        fprintf(stderr, "rank %d, n %lld: %s (%s)\n", as_world_rank(s->world), (long long)n, what, as_error_message());
        s->bad++;
    }
}

static void fill(setting *s, as_sum *sum, int64_t n, int round)
{
    as_sum_clear(sum);
    for (int p = 0; p < s->lanes.program.parts; p++) {
        fill_part(&s->lanes.program, p, n, round, as_sum_part(sum, p));
    }
    for (int l = 0; l < s->lanes.count; l++) {
        as_sum_head(sum, l)[AS_HEAD_COUNT] = s->lanes.first + l + 1;
        as_sum_head(sum, l)[AS_HEAD_LOSS] = 1.0 / (s->lanes.first + l + 1);
    }
    as_sum_flag(sum, 1u << (as_world_rank(s->world) % 4));
}

static void check_head(setting *s, const as_sum *sum, int64_t n)
{
    const int lanes = s->lanes.lanes, size = as_world_size(s->world);
    double *loss = calloc((size_t)lanes, sizeof *loss), want = 0;
    for (int l = 0; l < lanes; l++) {
        loss[l] = 1.0 / (l + 1);
    }
    as_tree_sum(&s->lanes.tree, 1, loss, &want);
    free(loss);
    expect(s, as_sum_result(sum)[AS_HEAD_COUNT] == lanes * (lanes + 1) / 2.0, "count", n);
    expect(s, as_sum_result(sum)[AS_HEAD_LOSS] == want, "loss", n);
    expect(s, as_sum_flags(sum) == (size >= 4 ? 15u : (1u << size) - 1), "flags", n);
}

/* A failing rank: all return its status and message, and the next round works. */
static void check_failure(setting *s, as_sum *sum, int64_t n)
{
    const int size = as_world_size(s->world), failing = size / 2;
    fill(s, sum, n, 7);
    if (as_world_rank(s->world) >= failing) {
        char text[64];
        snprintf(text, sizeof text, "made-up failure %d", as_world_rank(s->world));
        as_sum_fail(sum, AS_DATA, text);
    }
    char want[160];
    snprintf(want, sizeof want, "rank %d (%s): made-up failure %d", failing, as_world_host(s->world, failing), failing);
    expect(s, as_sum_reduce(sum, s->team) == AS_DATA, "status of a failure", n);
    expect(s, strcmp(as_error_message(), size == 1 ? "made-up failure 0" : want) == 0, "message of a failure", n);
}

/* Sums of squares of the blocks of the slice, and sums over blocks. */
static void check_blocks(setting *s, as_sum *sum, int64_t n)
{
    int64_t first, count;
    as_sum_range(sum, &first, &count);
    const float *slice = as_sum_slice(sum);
    as_sum_range(sum, &first, &count);
    const double *squares = as_sum_squares(sum);
    expect(s, (squares != NULL) == (as_world_nodes(s->world) == 1 && s->lanes.parts_total > 1), "squares", n);
    for (int64_t i = 0; squares != NULL && i < count; i += AS_BLOCK) {
        const double want = s->kernels->sum_squares(count - i < AS_BLOCK ? count - i : AS_BLOCK, slice + i);
        expect(s, squares[i / AS_BLOCK] == want, "squares of a block", n);
    }
    double *block = calloc((size_t)(count / AS_BLOCK + 1) * 5, sizeof *block), out[5];
    for (int64_t i = 0; i < count; i++) {
        for (int j = 0; j < 5; j++) {
            block[i / AS_BLOCK * 5 + j] += (double)slice[i] / (j + 1);
        }
    }
    expect(s, as_sum_blocks(sum, 5, block, out) == AS_OK, "blocks", n);
    free(block);
    as_sha256_add(&s->hash, out, sizeof out);
}

static void check_round(setting *s, as_sum *sum, float *vector, int64_t n, int round)
{
    int64_t first, count;
    as_sum_range(sum, &first, &count);
    fill(s, sum, n, round);
    expect(s, as_sum_reduce(sum, s->team) == AS_OK, "reduce", n);
    check_head(s, sum, n);
    const float *slice = as_sum_slice(sum);
    for (int64_t i = 0; i < count; i++) {
        vector[first + i] = slice[i];
    }
    check_blocks(s, sum, n);
    expect(s, as_sum_share(sum, vector, true) == AS_OK, "share", n);
    int64_t wrong = 0;
    for (int64_t i = 0; i < n; i++) {
        const float want = node_value(s->lanes.tree.split, 0, s->lanes.lanes, i, round);
        wrong += memcmp(&vector[i], &want, sizeof want) != 0;
    }
    expect(s, wrong == 0, "elements differ from the plain walk", n);
    as_sha256_add(&s->hash, vector, (size_t)n * sizeof *vector);
    as_sha256_add(&s->hash, as_sum_result(sum), AS_HEAD_SIZE * sizeof(double));
}

/* All bytes sent between nodes against the optimum 2 n (nodes - 1); most: times that, for 24 lanes and nodes of equal
   size. */
static void check_wire(setting *s, const as_sum *sum, int64_t n, int rounds, double most)
{
    const int nodes = as_world_nodes(s->world), size = as_world_size(s->world);
    int64_t mine = as_sum_sent_bytes(sum), *all = calloc((size_t)size, sizeof *all), total = 0;
    as_world_all_gather(s->world, &mine, sizeof mine, all);
    for (int rank = 0; rank < size; rank++) {
        total += all[rank];
    }
    free(all);
    if (nodes == 1) {
        expect(s, total == 0, "bytes sent inside a node", n);
        return;
    }
    const double ratio = (double)total / ((double)n * 4 * rounds * 2 * (nodes - 1));
    if (as_world_rank(s->world) == 0) {
        printf("n %lld: %.3f of the optimal bytes\n", (long long)n, ratio);
    }
    const bool usual = 24 % nodes == 0 && size % nodes == 0 && s->lanes.lanes == 24;
    expect(s, ratio <= (usual ? most : 2.5), "bytes on the wire", n);
}

static double node_double(const int16_t *split, int a, int b, int64_t element)
{
    if (b - a == 1) {
        return (double)lane_value(a, element, 0) / 3;
    }
    const int m = split[0];
    const double left = node_double(split + 1, a, m, element);
    return left + node_double(split + (m - a), m, b, element);
}

static void check_size(setting *s, int64_t n)
{
    as_sum *sum;
    void *vector;
    if (as_sum_create(s->world, &s->lanes, s->kernels, n, NULL, &sum) != AS_OK ||
        as_world_shared(s->world, (size_t)n * sizeof(float), &vector) != AS_OK) {
        fprintf(stderr, "%s\n", as_error_message());
        as_world_abort(s->world, AS_NOMEM);
    }
    for (int round = 0; round < 3; round++) {
        check_round(s, sum, vector, n, round);
        if (round == 1) {
            check_failure(s, sum, n);
        }
    }
    if (n > 50000) {
        check_wire(s, sum, n, 3, 1.26); /* slices are whole blocks, so their shares are not quite even: 1 % at 98 */
    }
    as_world_shared_free(s->world, &vector);
    as_sum_destroy(&sum);
}

/* Some elements alone: their sums are those of all elements, the others stay zero, and of neither vector does an
   element travel that is not summed. */
static void check_some(setting *s, int64_t n)
{
    enum { MARK = 12345 }; /* what is not shared stays this */
    static const int64_t some[][2] = {{0, 5}, {3000, 9000}, {50000, 51000}, {90000, 100007}};
    as_spans summed = {0};
    as_sum *sum;
    void *memory;
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        expect(s, as_spans_add(&summed, some[i][0], some[i][1], AS_BLOCK, n) == AS_OK, "spans", n);
    }
    if (as_sum_create(s->world, &s->lanes, s->kernels, n, &summed, &sum) != AS_OK ||
        as_world_shared(s->world, (size_t)n * sizeof(float), &memory) != AS_OK) {
        fprintf(stderr, "%s\n", as_error_message());
        as_world_abort(s->world, AS_NOMEM);
    }
    float *vector = memory;
    int64_t first, count, wrong = 0;
    as_sum_range(sum, &first, &count);
    for (int round = 0; round < 3; round++) {
        fill(s, sum, n, round);
        for (int p = 0; p < s->lanes.program.parts; p++) {
            for (int64_t i = 0; i < n; i++) {
                float *x = (float *)as_sum_part(sum, p) + i;
                *x = as_spans_have(&summed, i) ? *x : 0;
            }
        }
        expect(s, as_sum_reduce(sum, s->team) == AS_OK, "reduce some", n);
        const float *slice = as_sum_slice(sum);
        for (int64_t i = 0; i < count; i++) {
            wrong += slice[i] != 0 && !as_spans_have(&summed, first + i);
            vector[first + i] = as_spans_have(&summed, first + i) ? slice[i] : MARK + (float)as_world_rank(s->world);
        }
        check_blocks(s, sum, n);
        expect(s, as_sum_share(sum, vector, false) == AS_OK, "share some", n);
        for (int64_t i = 0; i < n; i++) {
            const float want = node_value(s->lanes.tree.split, 0, s->lanes.lanes, i, round);
            wrong += as_spans_have(&summed, i) && memcmp(&vector[i], &want, sizeof want) != 0;
        }
        expect(s, as_world_barrier(s->world) == AS_OK, "barrier", n);
    }
    expect(s, wrong == 0, "some elements differ from the plain walk", n);
    check_wire(s, sum, summed.count, 3, 1.5); /* uneven: at worst all in slices that get two parts of every node */
    as_world_shared_free(s->world, &memory);
    as_sum_destroy(&sum);
    as_spans_free(&summed);
}

/* The same in double: every element's lanes through the tree of doubles. */
static void check_double(setting *s, int64_t n)
{
    as_sum *sum;
    int64_t first, count;
    double lane[AS_LANES_MAX], want;
    expect(s, as_sum_create(s->world, &s->lanes, as_kernels_get(as_isa_detect(), AS_FLOAT64), n, NULL, &sum) == AS_OK,
           "create a sum of doubles", n);
    as_sum_clear(sum);
    for (int64_t i = 0; i < n; i++) {
        for (int p = 0; p < s->lanes.program.parts; p++) {
            const int from = s->lanes.program.part_first[p], lanes = s->lanes.program.part_lanes[p];
            const int16_t *split = s->lanes.tree.split;
            /* Descend to the part's node, then walk it: a tree of its own with lanes counted from there. */
            int a = 0, b = s->lanes.lanes;
            while (a != from || b != from + lanes) {
                const int m = split[0];
                split += from < m ? 1 : m - a;
                *(from < m ? &b : &a) = m;
            }
            ((double *)as_sum_part(sum, p))[i] = node_double(split, a, b, i);
        }
    }
    expect(s, as_sum_reduce(sum, s->team) == AS_OK, "reduce doubles", n);
    as_sum_range(sum, &first, &count);
    const double *slice = as_sum_slice(sum);
    for (int64_t i = 0; i < count; i++) {
        for (int l = 0; l < s->lanes.lanes; l++) {
            lane[l] = (double)lane_value(l, first + i, 0) / 3;
        }
        as_tree_sum(&s->lanes.tree, 1, lane, &want);
        expect(s, slice[i] == want, "element of a sum of doubles", first + i);
    }
    as_sum_destroy(&sum);
}

/* The collectives that are not sums. */
static void check_world(setting *s)
{
    const int size = as_world_size(s->world), rank = as_world_rank(s->world);
    int64_t *all = calloc((size_t)size * 1000, sizeof *all), *mine = calloc(1000, sizeof *mine);
    size_t *offset = calloc((size_t)size + 1, sizeof *offset);
    for (int i = 0; i < 1000; i++) {
        mine[i] = rank * 1000 + i;
    }
    expect(s, as_world_all_gather(s->world, mine, 1000 * sizeof *mine, all) == AS_OK, "all_gather", 0);
    for (int i = 0; i < size * 1000; i++) {
        expect(s, all[i] == i, "all_gather: element", i);
    }
    memset(all, 0, (size_t)size * 1000 * sizeof *all);
    expect(s, as_world_gather(s->world, mine, (size_t)(rank + 1) * sizeof *mine, all, offset) == AS_OK, "gather", 0);
    for (int r = 0; rank == 0 && r < size; r++) {
        expect(s, all[offset[r] / sizeof *all + (size_t)r] == r * 1000 + r, "gather: last of a rank", r);
    }
    mine[999] = rank == size - 1 ? 42 : 0;
    expect(s, as_world_broadcast(s->world, size - 1, mine, 1000 * sizeof *mine) == AS_OK, "broadcast", 0);
    expect(s, mine[999] == 42, "broadcast: last element", 999);
    expect(s, as_world_agree(s->world, AS_OK) == AS_OK, "agreement", 0);
    const as_status failure = rank == size - 1 ? as_error_set(AS_IO, "disk is full") : AS_OK;
    expect(s, as_world_agree(s->world, failure) == AS_IO, "agreement on a failure", 0);
    char want[128] = "disk is full";
    if (size > 1) {
        snprintf(want, sizeof want, "rank %d (%s): disk is full", size - 1, as_world_host(s->world, size - 1));
    }
    expect(s, strcmp(as_error_message(), want) == 0, "message of an agreement", 0);
    expect(s, as_world_barrier(s->world) == AS_OK, "barrier", 0);
    free(all);
    free(mine);
    free(offset);
}

int main(int argc, char **argv)
{
    static const int64_t sizes[] = {0, 1, 1023, 1024, 1025, 100007};
    as_world_options options = {.launched = true};
    int threads = 1, lanes = 24;
    int64_t size = 0;
    const char *hash = NULL;
    for (int i = 1; i < argc; i++) {
        options.p2p = options.p2p || strcmp(argv[i], "p2p") == 0;
        sscanf(argv[i], "node=%d", &options.node_ranks);
        sscanf(argv[i], "message=%zu", &options.message_bytes);
        sscanf(argv[i], "threads=%d", &threads);
        sscanf(argv[i], "lanes=%d", &lanes);
        sscanf(argv[i], "size=%" SCNd64, &size);
        hash = strncmp(argv[i], "hash=", 5) == 0 ? argv[i] + 5 : hash;
    }
    setting s = {.bad = 0};
    if (as_world_open(&options, &s.world) != AS_OK || as_team_create(threads, &s.team) != AS_OK) {
        fprintf(stderr, "%s\n", as_error_message());
        return 1;
    }
    const as_status status = as_lanes_create(lanes, s.world, &s.lanes);
    if (status != AS_OK) {
        fprintf(stderr, "%s\n", as_error_message());
        as_world_close(&s.world);
        return (int)status;
    }
    s.kernels = as_kernels_get(as_isa_detect(), AS_FLOAT32);
    as_sha256_begin(&s.hash);
    check_world(&s);
    if (size > 0) {
        check_size(&s, size);
    }
    for (size_t i = 0; size == 0 && i < sizeof sizes / sizeof sizes[0]; i++) {
        check_size(&s, sizes[i]);
    }
    if (size == 0) {
        check_some(&s, 100007);
    }
    check_double(&s, 5000);
    uint8_t digest[32];
    char text[65];
    as_sha256_end(&s.hash, digest);
    if (as_world_rank(s.world) == 0) {
        printf("%d ranks, %d nodes, %s: hash=%s\n", as_world_size(s.world), as_world_nodes(s.world),
               as_world_transport(s.world), as_sha256_text(digest, text));
        expect(&s, hash == NULL || strcmp(hash, text) == 0, "another hash than expected", -1);
    }
    as_status verdict = s.bad == 0 ? AS_OK : as_error_set(AS_INTERNAL, "%d checks failed", s.bad);
    verdict = as_world_agree(s.world, verdict);
    as_lanes_destroy(&s.lanes);
    as_team_destroy(&s.team);
    as_world_close(&s.world);
    return verdict == AS_OK ? 0 : 1;
}
