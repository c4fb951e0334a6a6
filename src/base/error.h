/* Raising and passing on failures. AS_FAIL is written once, where the fact is known; AS_TRY passes on unchanged. */
#ifndef AS_BASE_ERROR_H
#define AS_BASE_ERROR_H

#include "allsum/status.h"

/* Not collective. Stores the formatted message for this thread and returns `code`. The message is a full
   sentence fragment without trailing newline: "file: expected ..., found ...". Control characters become '?'. */
as_status as_error_set(as_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Not collective. Puts `format...` and ": " before the current message (for a rank or a file prefix). Returns `code`.
 */
as_status as_error_prefix(as_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define AS_FAIL(code, ...) return as_error_set((code), __VA_ARGS__)

#define AS_TRY(call)                                                                                                   \
    do {                                                                                                               \
        const as_status as_try_ = (call);                                                                              \
        if (as_try_ != AS_OK) {                                                                                        \
            return as_try_;                                                                                            \
        }                                                                                                              \
    } while (0)

/* Our own bugs only (debug and test builds); user input, files, sizes, MPI and HDF5 are checked, never asserted. */
#include <assert.h>
#define AS_ASSERT(condition) assert(condition)

#endif
