/* The tokenizer of a text in a checkpoint. */
#ifndef AS_DATA_STORED_TOKENIZER_H
#define AS_DATA_STORED_TOKENIZER_H

#include "data/tokenizer.h"
#include "io/h5_contents.h"

/* Not collective. From /data/merges and /data/separator; *out NULL: the file has none. Errors: DATA, IO, NOMEM. */
as_status as_stored_tokenizer_read(const as_h5_contents *file, as_tokenizer **out);

/* Not collective. The same from what a path stands for (io/states.h). Errors: those of as_state_resolve and
   as_h5_contents_open; DATA where the file has none. */
as_status as_stored_tokenizer_open(const char *path, as_tokenizer **out);

/* Not collective. That a file holds `expected` (NULL: none). Errors: DATA naming both vocabularies; those of reading.
 */
as_status as_stored_tokenizer_check(const as_h5_contents *file, const as_tokenizer *expected, const char *place);

#endif
