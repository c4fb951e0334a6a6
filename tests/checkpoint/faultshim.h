/* File-system calls that fail on command: see faultshim.c. */
#ifndef FAULTSHIM_H
#define FAULTSHIM_H

/* Instead of an error number: half of what was asked for (pwrite and pread; others succeed); the end of the process. */
enum { FAULTSHIM_SHORT = -1, FAULTSHIM_KILL = -2 };

/* Fails calls number first, first + 1, ... first + count - 1 (from 1, counted from now on) of a kind: "open",
   "fallocate", "pwrite", "pread", "fsync", "rename", "close", or "any" of these; only on files whose path contains
   `path`. */
void faultshim_set(const char *path, const char *call, long first, long count, int error);

/* How many calls of the kind were seen since faultshim_set. */
long faultshim_calls(void);

/* Lets everything through again. */
void faultshim_clear(void);

#endif
