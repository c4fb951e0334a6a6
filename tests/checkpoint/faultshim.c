/* A library that stands before the C library and makes file-system calls fail: linked to a test, which commands it by
   faultshim.h, or loaded into any program by LD_PRELOAD with
     FAULTSHIM=path:call:first:count:error     error is a number, "short", or "kill": the process dies there
   A failing close still closes, as Linux does. */
#include "faultshim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { FILES = 4096 };

static struct {
    bool on, read;
    char path[256], call[16];
    long first, count, seen;
    int error;
} plan;
static bool watched[FILES]; /* descriptors of matching files */

static void read_environment(void)
{
    if (plan.read) {
        return;
    }
    plan.read = true;
    const char *text = getenv("FAULTSHIM");
    char error[16] = "";
    if (text != NULL &&
        sscanf(text, "%255[^:]:%15[^:]:%ld:%ld:%15s", plan.path, plan.call, &plan.first, &plan.count, error) == 5) {
        plan.error = strcmp(error, "short") == 0  ? FAULTSHIM_SHORT
                     : strcmp(error, "kill") == 0 ? FAULTSHIM_KILL
                                                  : atoi(error);
        plan.on = true;
    }
}

void faultshim_set(const char *path, const char *call, long first, long count, int error)
{
    plan.read = true;
    snprintf(plan.path, sizeof plan.path, "%s", path);
    snprintf(plan.call, sizeof plan.call, "%s", call);
    plan.first = first;
    plan.count = count;
    plan.seen = 0;
    plan.error = error;
    plan.on = true;
}

long faultshim_calls(void)
{
    return plan.seen;
}

void faultshim_clear(void)
{
    plan.read = true;
    plan.on = false;
}

/* Whether this call, on a file that matches, has to fail. */
static bool strikes(const char *call)
{
    if (strcmp(plan.call, "any") != 0 && strcmp(plan.call, call) != 0) {
        return false;
    }
    plan.seen++;
    const bool now = plan.seen >= plan.first && plan.seen - plan.first < plan.count;
    if (now && plan.error == FAULTSHIM_KILL) {
        raise(SIGKILL);
    }
    return now;
}

static bool matches(const char *path)
{
    read_environment();
    return plan.on && strstr(path, plan.path) != NULL;
}

static bool file_matches(int descriptor)
{
    read_environment();
    return plan.on && descriptor >= 0 && descriptor < FILES && watched[descriptor];
}

/* The next definition of a function, as a pointer that may be cast. */
typedef void (*function)(void);
static function next_function(const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    function out;
    memcpy(&out, &symbol, sizeof out);
    return out;
}

#define NEXT(type, name) ((type)next_function(name))

/* errno for a strike; "short" strikes only reads and writes. */
#define STRIKE(call, failed)                                                                                           \
    if (strikes(call) && plan.error != FAULTSHIM_SHORT) {                                                              \
        errno = plan.error;                                                                                            \
        return failed;                                                                                                 \
    }

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    const bool match = matches(path);
    if (match) {
        STRIKE("open", -1)
    }
    const int descriptor = NEXT(int (*)(const char *, int, ...), "open")(path, flags, mode);
    if (descriptor >= 0 && descriptor < FILES) {
        watched[descriptor] = match;
    }
    return descriptor;
}

int fallocate(int descriptor, int mode, off_t offset, off_t length)
{
    if (file_matches(descriptor)) {
        STRIKE("fallocate", -1)
    }
    return NEXT(int (*)(int, int, off_t, off_t), "fallocate")(descriptor, mode, offset, length);
}

ssize_t pwrite(int descriptor, const void *data, size_t bytes, off_t offset)
{
    if (file_matches(descriptor) && strikes("pwrite")) {
        if (plan.error != FAULTSHIM_SHORT) {
            errno = plan.error;
            return -1;
        }
        bytes = (bytes + 1) / 2;
    }
    return NEXT(ssize_t(*)(int, const void *, size_t, off_t), "pwrite")(descriptor, data, bytes, offset);
}

ssize_t pread(int descriptor, void *data, size_t bytes, off_t offset)
{
    if (file_matches(descriptor) && strikes("pread")) {
        if (plan.error != FAULTSHIM_SHORT) {
            errno = plan.error;
            return -1;
        }
        bytes = (bytes + 1) / 2;
    }
    return NEXT(ssize_t(*)(int, void *, size_t, off_t), "pread")(descriptor, data, bytes, offset);
}

int fsync(int descriptor)
{
    if (file_matches(descriptor)) {
        STRIKE("fsync", -1)
    }
    return NEXT(int (*)(int), "fsync")(descriptor);
}

int rename(const char *from, const char *to)
{
    if (matches(to)) {
        STRIKE("rename", -1)
    }
    return NEXT(int (*)(const char *, const char *), "rename")(from, to);
}

int close(int descriptor)
{
    const bool match = file_matches(descriptor);
    if (descriptor >= 0 && descriptor < FILES) {
        watched[descriptor] = false;
    }
    const int failed = NEXT(int (*)(int), "close")(descriptor);
    if (match) {
        STRIKE("close", -1)
    }
    return failed;
}
