/* One block of memory for a family of arrays: reserve sizes first, then commit once; sealed afterwards.
   Nothing is allocated during a step. */
#ifndef AS_BASE_ARENA_H
#define AS_BASE_ARENA_H

#include <stddef.h>

#include "allsum/status.h"

typedef struct as_arena as_arena;

/* Not collective. Empty plan. Destroy with as_arena_destroy. Errors: NOMEM. */
as_status as_arena_create(as_arena **out);

/* Not collective. Plans `bytes` (64-byte aligned); *slot receives the address at commit. slot must stay valid until
   then. bytes 0 gives a valid pointer that must not be read. Errors: NOMEM; INTERNAL when already committed. */
as_status as_arena_reserve(as_arena *arena, size_t bytes, void **slot);

/* Not collective. Allocates all that was reserved, zero-filled (huge pages where the system gives them), fills the
   slots and seals the arena. Errors: NOMEM with the bytes needed. */
as_status as_arena_commit(as_arena *arena);

/* Not collective. Whether a block can be there at all: pages are taken at first touch, when it is too late to refuse
   and the system kills. Errors: NOMEM with the bytes needed and those of the machine. */
as_status as_memory_check(size_t bytes);

/* Bytes planned so far. */
size_t as_arena_bytes(const as_arena *arena);

/* Not collective. Accepts NULL content; sets *arena to NULL. */
void as_arena_destroy(as_arena **arena);

#endif
