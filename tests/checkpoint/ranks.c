/* Writing by several ranks. Usage: ranks MODE FOLDER
     write   the same file as one process would write: FOLDER/by-<ranks>.h5
     faults  a call fails on one rank, which all ranks must hear of alike; samples calls, ranks and errors
     state   a checkpoint as one process writes it: FOLDER/state-<ranks>.h5; then loads state-1.h5 and state-<ranks>.h5
     full    the folder is on a small file system: a file that does not fit is refused, a small one still written */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/error.h"
#include "faultshim.h"
#include "files.h"
#include "state.h"

static as_world *world;
static int rank, size;

/* Collective. False on all ranks if it is false on any. */
static bool all_say(bool mine, const char *what)
{
    const as_status status = as_world_agree(world, mine ? AS_OK : as_error_set(AS_INTERNAL, "not true: %s", what));
    if (status != AS_OK && rank == 0) {
        fprintf(stderr, "%s\n", as_error_message());
    }
    return status == AS_OK;
}

static bool same_everywhere(const void *data, size_t bytes)
{
    char *all = calloc((size_t)size, bytes);
    bool same = all != NULL && as_world_all_gather(world, data, bytes, all) == AS_OK;
    for (int r = 0; same && r < size; r++) {
        same = memcmp(all + (size_t)r * bytes, data, bytes) == 0;
    }
    free(all);
    return same;
}

static bool write_mode(const char *folder)
{
    char path[4096];
    uint8_t digest[32], found[32];
    snprintf(path, sizeof path, "%s/by-%d.h5", folder, size);
    /* More than two blocks of 4 MiB, and a share that is no multiple of anything. */
    bool good = all_say(file_write(world, path, 1000003, digest) == AS_OK, "the file is written");
    good = good && all_say(as_h5_verify(path, found) == AS_OK && memcmp(found, digest, 32) == 0, "it is valid");
    return good && all_say(same_everywhere(digest, 32), "all ranks know its digest");
}

static bool save_with_fault(const char *folder, int striker, const char *call, long first, long count, int error)
{
    char path[4096], message[512] = "";
    snprintf(path, sizeof path, "%s/new.h5", folder);
    if (rank == 0) {
        unlink(path);
    }
    as_world_barrier(world);
    if (rank == striker) {
        faultshim_set(folder, call, first, count, error);
    }
    const as_status status = file_write(world, path, 5000, NULL);
    if (status != AS_OK) {
        snprintf(message, sizeof message, "%s", as_error_message());
    }
    faultshim_clear();
    const bool alike = same_everywhere(&status, sizeof status) && same_everywhere(message, sizeof message);
    bool good = all_say(alike, "all ranks return the same status and message");
    good =
        good && all_say(status == AS_OK || status == AS_IO || status == AS_CANTCREAT, "the status is that of a file");
    as_world_barrier(world);
    good = good && all_say(count_files(folder, ".tmp-") == 0, "no temporary file is left");
    good = good && all_say(access(path, F_OK) != 0 || as_h5_verify(path, NULL) == AS_OK, "what is there is valid");
    return good;
}

static bool faults_mode(const char *folder)
{
    static const char *const calls[] = {"open", "fallocate", "pwrite", "pread", "fsync", "rename", "close"};
    static const int errors[] = {ENOSPC, EIO, EINTR};
    bool good = true;
    for (int striker = 0; striker < size && good; striker++) {
        for (int c = 0; c < 7 && good; c++) {
            for (long first = 1; first <= 3 && good; first++) {
                const int error = errors[(c + first) % 3];
                good = save_with_fault(folder, striker, calls[c], first, 1, error) &&
                       save_with_fault(folder, striker, calls[c], first, LONG_MAX, error);
            }
        }
    }
    return good && save_with_fault(folder, 0, "any", LONG_MAX, 1, EIO);
}

static bool state_mode(const char *folder)
{
    static state_case s;
    char path[2][4096];
    uint8_t digest[32];
    snprintf(path[0], sizeof path[0], "%s/state-%d.h5", folder, size);
    snprintf(path[1], sizeof path[1], "%s/state-1.h5", folder);
    bool good = all_say(state_open(&s, world) == AS_OK, "there is room for a state");
    if (good) {
        state_fill(&s, 6);
        good = all_say(as_checkpoint_save(world, NULL, path[0], &s.parts, digest) == AS_OK, "the state is saved");
    }
    for (int i = 0; i < 2 && good; i++) {
        state_fill(&s, -1);
        good = all_say(as_checkpoint_load(world, path[i], 0, NULL, &s.parts) == AS_OK, "the state is loaded");
        good = good && all_say(state_is(&s, 6), "the state is the same on every rank");
    }
    if (good) { /* in a folder, with retention and the search for the newest */
        char found[4096];
        for (int64_t step = 1; step <= 3 && good; step++) {
            state_fill(&s, step);
            good = all_say(as_checkpoint_save(world, folder, NULL, &s.parts, NULL) == AS_OK, "a step is saved");
            good = good && all_say(as_checkpoint_retain(world, folder, 2, -1, NULL) == AS_OK, "old ones go");
        }
        good = good && all_say(as_checkpoint_find(world, folder, NULL, found, sizeof found) == AS_OK, "one is found");
        good = good && all_say(strstr(found, "step-000000000003.h5") != NULL, "it is the newest, on every rank");
        snprintf(path[1], sizeof path[1], "%s/checkpoints", folder);
        as_world_barrier(world);
        good = good && all_say(count_files(path[1], "step-") == 2, "two are kept");
    }
    state_close(&s);
    return good;
}

static bool full_mode(const char *folder)
{
    char big[4096], small[4096];
    snprintf(big, sizeof big, "%s/big.h5", folder);
    snprintf(small, sizeof small, "%s/small.h5", folder);
    bool good = all_say(file_write(world, small, 1000, NULL) == AS_OK, "a small file fits");
    for (int i = 0; i < 3 && good; i++) {
        if (i > 0) { /* as on a file system that cannot reserve: the disk fills up while writing */
            faultshim_set(folder, "fallocate", 1, LONG_MAX, EOPNOTSUPP);
        }
        const as_status status = file_write(world, big, 100000, NULL);
        const bool named = strstr(as_error_message(), "No space left on device") != NULL &&
                           strstr(as_error_message(), i > 0 ? "cannot write" : "cannot reserve 120") != NULL;
        faultshim_clear();
        good = all_say(status == AS_IO && named, "a file that does not fit is refused as such");
        good = good &&
               all_say(count_files(folder, ".tmp-") == 0 && count_files(folder, "big") == 0, "nothing is left of it");
        good = good && all_say(as_h5_verify(small, NULL) == AS_OK, "the small file is untouched");
    }
    return good && all_say(file_write(world, small, 1001, NULL) == AS_OK, "another small file fits");
}

int main(int argc, char **argv)
{
    if (argc != 3 ||
        as_world_open(&(as_world_options){.launched = getenv("OMPI_COMM_WORLD_SIZE") != NULL}, &world) != AS_OK) {
        fprintf(stderr, "usage: ranks write|faults|state|full FOLDER\n");
        return 64;
    }
    rank = as_world_rank(world);
    size = as_world_size(world);
    const bool good = strcmp(argv[1], "write") == 0    ? write_mode(argv[2])
                      : strcmp(argv[1], "faults") == 0 ? faults_mode(argv[2])
                      : strcmp(argv[1], "state") == 0  ? state_mode(argv[2])
                                                       : full_mode(argv[2]);
    as_world_close(&world);
    return good ? 0 : 1;
}
