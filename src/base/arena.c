/* Arena: a list of (offset, slot) while planning, one anonymous mapping after commit. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

enum { ALIGN = 64, HUGE_PAGE = 2 << 20 };

typedef struct piece {
    size_t offset;
    void **slot;
} piece;

struct as_arena {
    piece *pieces;
    size_t n, capacity, bytes, mapped;
    void *block;
};

as_status as_memory_check(size_t bytes)
{
    const double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (there > 0 && (double)bytes > there) {
        AS_FAIL(AS_NOMEM, "out of memory: %.1f GiB needed at once, this machine has %.1f GiB", (double)bytes / 0x1p30,
                there / 0x1p30);
    }
    return AS_OK;
}

as_status as_arena_create(as_arena **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for an arena");
    }
    return AS_OK;
}

as_status as_arena_reserve(as_arena *arena, size_t bytes, void **slot)
{
    if (arena->block != NULL) {
        AS_FAIL(AS_INTERNAL, "arena: reservation of %zu bytes after commit", bytes);
    }
    if (bytes > SIZE_MAX / 4 - arena->bytes) {
        AS_FAIL(AS_NOMEM, "arena: %zu bytes more than an address space", bytes);
    }
    if (arena->n == arena->capacity) {
        const size_t capacity = arena->capacity == 0 ? 32 : 2 * arena->capacity;
        piece *pieces = realloc(arena->pieces, capacity * sizeof *pieces);
        if (pieces == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for an arena plan of %zu pieces", capacity);
        }
        arena->pieces = pieces;
        arena->capacity = capacity;
    }
    arena->pieces[arena->n++] = (piece){.offset = arena->bytes, .slot = slot};
    arena->bytes += (bytes + ALIGN - 1) / ALIGN * ALIGN;
    return AS_OK;
}

as_status as_arena_commit(as_arena *arena)
{
    if (arena->block != NULL) {
        AS_FAIL(AS_INTERNAL, "arena: committed twice");
    }
    const size_t bytes = arena->bytes == 0 ? ALIGN : arena->bytes;
    AS_TRY(as_memory_check(bytes));
    /* Whole huge pages when the block is worth one: room to start on a boundary, and to end on one. */
    const size_t slack = bytes >= HUGE_PAGE ? HUGE_PAGE : 0;
    const size_t size = slack != 0 ? (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE : bytes;
    void *block = mmap(NULL, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED) {
        AS_FAIL(AS_NOMEM, "out of memory: %zu bytes needed", size);
    }
    arena->block = block;
    arena->mapped = size + slack;
    uintptr_t start = (uintptr_t)block;
    if (slack != 0) {
        start = (start + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        madvise((void *)start, size, MADV_HUGEPAGE);
    }
    for (size_t i = 0; i < arena->n; i++) {
        *arena->pieces[i].slot = (void *)(start + arena->pieces[i].offset);
    }
    free(arena->pieces);
    arena->pieces = NULL;
    return AS_OK;
}

size_t as_arena_bytes(const as_arena *arena)
{
    return arena->bytes;
}

void as_arena_destroy(as_arena **arena)
{
    if (*arena == NULL) {
        return;
    }
    if ((*arena)->block != NULL) {
        munmap((*arena)->block, (*arena)->mapped);
    }
    free((*arena)->pieces);
    free(*arena);
    *arena = NULL;
}
