/* Status codes: every fallible function of the library returns one; its value is the exit code of the program. */
#ifndef ALLSUM_STATUS_H
#define ALLSUM_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* AS_STATUS(name, exit code, meaning) */
#define AS_STATUS_TABLE                                                                                                \
    AS_STATUS(OK, 0, "success")                                                                                        \
    AS_STATUS(DIVERGED, 3, "training diverged: a non-finite loss, gradient or parameter")                              \
    AS_STATUS(TARGET, 4, "finished, but the target metric was not met")                                                \
    AS_STATUS(USAGE, 64, "bad command line")                                                                           \
    AS_STATUS(DATA, 65, "bad data file, or no valid checkpoint")                                                       \
    AS_STATUS(NOINPUT, 66, "input file missing")                                                                       \
    AS_STATUS(INTERNAL, 70, "internal invariant broken, or ranks disagree")                                            \
    AS_STATUS(NOMEM, 71, "out of memory or another system resource")                                                   \
    AS_STATUS(CANTCREAT, 73, "cannot create output")                                                                   \
    AS_STATUS(IO, 74, "input/output error, or a hung job ended by the watchdog")                                       \
    AS_STATUS(STOPPED, 75, "stopped early with a checkpoint; run the same command to continue")                        \
    AS_STATUS(CONFIG, 78, "configuration error")

typedef enum as_status {
#define AS_STATUS(name, code, meaning) AS_##name = (code),
    AS_STATUS_TABLE
#undef AS_STATUS
} as_status;

/* Not collective. Name of a status ("DATA"), or "?" for a value that is none. */
const char *as_status_name(as_status status);

/* Not collective. One-line meaning of a status. */
const char *as_status_meaning(as_status status);

/* Not collective. The message of the last failure on this thread, written where the fact was known
   (what was expected, what was found, which file, key, row or rank). Borrowed; valid until the next failure. */
const char *as_error_message(void);

#ifdef __cplusplus
}
#endif
#endif
