/* Saving under faults, in one process: every file-system call of a save fails in every way, once and for good. Nothing
   may be lost but this save; nothing may be left behind. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "faultshim.h"
#include "files.h"

#define FOLDER TEST_SCRATCH "/faults"
#define OLD FOLDER "/step-1.h5"
#define NEW FOLDER "/step-2.h5"

enum { OLD_SIZE = 100, NEW_SIZE = 1000 };

static as_world *world;
static uint8_t old_digest[32], new_digest[32];

static int set_up(void **state)
{
    (void)state;
    mkdir(FOLDER, 0755);
    if (as_world_open(&(as_world_options){0}, &world) != AS_OK) {
        return -1;
    }
    unlink(OLD);
    return file_write(world, OLD, OLD_SIZE, old_digest) == AS_OK &&
                   file_write(world, NEW, NEW_SIZE, new_digest) == AS_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    as_world_close(&world);
    return 0;
}

static void assert_is(const char *path, const uint8_t expected[32])
{
    uint8_t digest[32];
    assert_int_equal(as_h5_verify(path, digest), AS_OK);
    assert_memory_equal(digest, expected, 32);
}

/* One save with a fault; returns what it said. */
static as_status save_with(const char *call, long first, long count, int error)
{
    unlink(NEW);
    faultshim_set(FOLDER, call, first, count, error);
    const as_status status = file_write(world, NEW, NEW_SIZE, NULL);
    char message[256];
    snprintf(message, sizeof message, "%s", as_error_message());
    faultshim_clear();
    if (status != AS_OK && status != AS_IO && status != AS_CANTCREAT) {
        fail_msg("%s call %ld, error %d: %s: %s", call, first, error, as_status_name(status), message);
    }
    if (status != AS_OK) {
        assert_non_null(strstr(message, "step-2.h5"));
    }
    assert_int_equal(count_files(FOLDER, ".tmp-"), 0);
    assert_is(OLD, old_digest);
    if (status == AS_OK || access(NEW, F_OK) == 0) {
        assert_is(NEW, new_digest);
    }
    return status;
}

static const char *const calls[] = {"open", "fallocate", "pwrite", "pread", "fsync", "rename", "close"};
enum { CALLS = sizeof calls / sizeof calls[0] };

static long calls_of(const char *call)
{
    faultshim_set(FOLDER, call, LONG_MAX, 1, EIO);
    assert_int_equal(file_write(world, NEW, NEW_SIZE, NULL), AS_OK);
    faultshim_clear();
    return faultshim_calls();
}

/* The loop of SQLite's tests: fail call i = 1, 2, ... of one save until a save meets no fault. */
static void test_every_call_fails_in_every_way(void **state)
{
    (void)state;
    static const int errors[] = {ENOSPC, EDQUOT, EIO, EROFS, EMFILE, EACCES};
    int injections = 0;
    for (size_t c = 0; c < CALLS; c++) {
        const long n = calls_of(calls[c]);
        assert_true(n >= 1); /* otherwise the shim sees nothing, and this test is none */
        for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++) {
            for (long i = 1; i <= n; i++) {
                /* The last close is that of the folder: the file is safe before. */
                const bool harmless = strcmp(calls[c], "close") == 0 && i == n;
                assert_int_equal(save_with(calls[c], i, 1, errors[e]) != AS_OK, !harmless);
                save_with(calls[c], i, LONG_MAX, errors[e]);
                injections += 2;
            }
        }
    }
    assert_true(injections >= 150);
    assert_int_equal(save_with("any", LONG_MAX, 1, EIO), AS_OK);
}

/* Interrupted and short calls are continued; interruptions without end are an error, not a hang. */
static void test_interrupted_and_short_calls(void **state)
{
    (void)state;
    static const char *const interruptible[] = {"open", "fallocate", "pwrite", "pread", "fsync", "close"};
    for (size_t c = 0; c < sizeof interruptible / sizeof interruptible[0]; c++) {
        const bool closing = strcmp(interruptible[c], "close") == 0;
        assert_int_equal(save_with(interruptible[c], 1, 1, EINTR), AS_OK);
        assert_int_equal(save_with(interruptible[c], 1, 5, EINTR), AS_OK);
        assert_int_equal(save_with(interruptible[c], 1, LONG_MAX, EINTR) == AS_OK, closing);
    }
    assert_int_equal(save_with("pwrite", 1, LONG_MAX, FAULTSHIM_SHORT), AS_OK);
    assert_int_equal(save_with("pread", 1, LONG_MAX, FAULTSHIM_SHORT), AS_OK);
}

/* A file system that cannot reserve space is written to all the same. */
static void test_no_fallocate(void **state)
{
    (void)state;
    assert_int_equal(save_with("fallocate", 1, LONG_MAX, EOPNOTSUPP), AS_OK);
}

static void test_failed_saves_leak_nothing(void **state)
{
    (void)state;
    size_t heap = 0;
    int files = 0;
    const long n = calls_of("any");
    assert_true(n >= 12);
    for (int i = 0; i < 100; i++) {
        if (i == 50) { /* The libraries have filled their caches. */
            heap = mallinfo2().uordblks;
            files = count_files("/proc/self/fd", "");
        }
        save_with("any", 1 + i % n, LONG_MAX, ENOSPC);
    }
    /* 50 leaks of as little as 100 bytes would show. */
    assert_in_range(mallinfo2().uordblks, 0, heap + 4096);
    assert_int_equal(count_files("/proc/self/fd", ""), files);
    assert_int_equal(save_with("any", LONG_MAX, 1, EIO), AS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_fails_in_every_way),
        cmocka_unit_test(test_interrupted_and_short_calls),
        cmocka_unit_test(test_no_fallocate),
        cmocka_unit_test(test_failed_saves_leak_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
