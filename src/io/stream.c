/* Plain files by pread, packed ones by zlib's gz layer, memory by copying. Cost: one system call per read, or inflation
   of everything up to the place. */
#include "io/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"

enum { INFLATE_BUFFER = 256 << 10, EXPANSION_MAX = 1032, PIECE_MAX = 1 << 30 };

struct as_stream {
    int file;
    gzFile packed;    /* NULL: plain */
    char *memory;     /* the content itself; NULL: a file */
    int64_t size;     /* of the file or memory */
    uint8_t *content; /* the whole of it, once it was asked for */
    int64_t content_bytes;
    char path[];
};

static as_status open_plain(as_stream *stream)
{
    stream->file = open(stream->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (stream->file < 0) {
        const as_status code = errno == ENOENT || errno == ENOTDIR ? AS_NOINPUT : AS_IO;
        AS_FAIL(code, "%s: cannot open: %s", stream->path, strerror(errno));
    }
    struct stat state;
    if (fstat(stream->file, &state) != 0) {
        AS_FAIL(AS_IO, "%s: cannot read its size: %s", stream->path, strerror(errno));
    }
    if (!S_ISREG(state.st_mode)) {
        AS_FAIL(AS_DATA, "%s: expected a regular file, found %s", stream->path,
                S_ISDIR(state.st_mode) ? "a directory" : "a device or pipe");
    }
    if (state.st_size == 0) {
        AS_FAIL(AS_DATA, "%s: the file is empty", stream->path);
    }
    stream->size = (int64_t)state.st_size;
    return AS_OK;
}

static as_status open_packed(as_stream *stream)
{
    uint8_t magic[2] = {0};
    if (pread(stream->file, magic, sizeof magic, 0) != (ssize_t)sizeof magic || magic[0] != 0x1F || magic[1] != 0x8B) {
        return AS_OK;
    }
    const int copy = dup(stream->file);
    if (copy < 0) {
        AS_FAIL(AS_IO, "%s: cannot open twice: %s", stream->path, strerror(errno));
    }
    stream->packed = gzdopen(copy, "rb");
    if (stream->packed == NULL) {
        close(copy);
        AS_FAIL(AS_NOMEM, "%s: out of memory for inflating", stream->path);
    }
    gzbuffer(stream->packed, INFLATE_BUFFER);
    return AS_OK;
}

as_status as_stream_open(const char *path, as_stream **out)
{
    const size_t length = strlen(path) + 1;
    as_stream *stream = calloc(1, sizeof *stream + length);
    if (stream == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for opening it", path);
    }
    memcpy(stream->path, path, length);
    stream->file = -1;
    as_status status = open_plain(stream);
    if (status == AS_OK) {
        status = open_packed(stream);
    }
    if (status != AS_OK) {
        as_stream_close(&stream);
        return status;
    }
    *out = stream;
    return AS_OK;
}

as_status as_stream_open_memory(const char *name, void *data, int64_t size, as_stream **out)
{
    const size_t length = strlen(name) + 1;
    as_stream *stream = calloc(1, sizeof *stream + length);
    if (stream == NULL) {
        free(data);
        AS_FAIL(AS_NOMEM, "%s: out of memory for reading it", name);
    }
    memcpy(stream->path, name, length);
    stream->file = -1;
    stream->memory = data;
    stream->size = size;
    *out = stream;
    return AS_OK;
}

void as_stream_close(as_stream **stream)
{
    if (*stream == NULL) {
        return;
    }
    if ((*stream)->packed == NULL && (*stream)->content != NULL) {
        munmap((*stream)->content, (size_t)(*stream)->size);
    }
    if ((*stream)->packed != NULL) {
        free((*stream)->content);
        gzclose_r((*stream)->packed);
    }
    if ((*stream)->file >= 0) {
        close((*stream)->file);
    }
    free((*stream)->memory);
    free(*stream);
    *stream = NULL;
}

const char *as_stream_path(const as_stream *stream)
{
    return stream->path;
}

bool as_stream_packed(const as_stream *stream)
{
    return stream->packed != NULL;
}

int64_t as_stream_limit(const as_stream *stream)
{
    if (stream->packed == NULL) {
        return stream->size;
    }
    return stream->size > INT64_MAX / EXPANSION_MAX ? INT64_MAX : stream->size * EXPANSION_MAX;
}

static as_status fail_packed(const as_stream *stream, int64_t at, const char *what)
{
    int code = Z_OK;
    const char *text = gzerror(stream->packed, &code);
    if (code == Z_ERRNO) {
        AS_FAIL(AS_IO, "%s: cannot read %s: %s", stream->path, what, strerror(errno));
    }
    if (code == Z_OK || code == Z_BUF_ERROR) {
        AS_FAIL(AS_DATA, "%s: truncated: %s expected at unpacked byte %lld, but the content ends before", stream->path,
                what, (long long)at);
    }
    AS_FAIL(AS_DATA, "%s: corrupt gzip content at %s (unpacked byte %lld): %s", stream->path, what, (long long)at,
            text);
}

static as_status read_packed(as_stream *stream, int64_t at, size_t bytes, uint8_t *data, const char *what)
{
    if (gztell(stream->packed) != at && gzseek(stream->packed, (z_off_t)at, SEEK_SET) != (z_off_t)at) {
        return fail_packed(stream, at, what);
    }
    while (bytes > 0) {
        const unsigned piece = bytes < PIECE_MAX ? (unsigned)bytes : (unsigned)PIECE_MAX;
        const int got = gzread(stream->packed, data, piece);
        if (got <= 0) {
            return fail_packed(stream, at, what);
        }
        data += got;
        bytes -= (size_t)got;
    }
    return AS_OK;
}

static as_status read_memory(const as_stream *stream, int64_t at, size_t bytes, void *data, const char *what)
{
    if (at > stream->size || bytes > (size_t)(stream->size - at)) {
        AS_FAIL(AS_DATA, "%s: truncated: %s needs bytes [%lld, %lld) of %lld", stream->path, what, (long long)at,
                (long long)at + (long long)bytes, (long long)stream->size);
    }
    memcpy(data, stream->memory + at, bytes);
    return AS_OK;
}

as_status as_stream_read(as_stream *stream, int64_t at, size_t bytes, void *data, const char *what)
{
    if (stream->packed != NULL) {
        return read_packed(stream, at, bytes, data, what);
    }
    if (stream->memory != NULL) {
        return read_memory(stream, at, bytes, data, what);
    }
    uint8_t *to = data;
    while (bytes > 0) {
        const ssize_t got = pread(stream->file, to, bytes < PIECE_MAX ? bytes : PIECE_MAX, (off_t)at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            AS_FAIL(AS_IO, "%s: cannot read %s: %s", stream->path, what, strerror(errno));
        }
        if (got == 0) {
            AS_FAIL(AS_DATA, "%s: truncated: %s needs %zu bytes more at byte %lld, where the file ends", stream->path,
                    what, bytes, (long long)at);
        }
        to += got;
        at += got;
        bytes -= (size_t)got;
    }
    return AS_OK;
}

/* All that a packed file holds. */
static as_status inflate_content(as_stream *stream)
{
    int64_t room = 0, limit = as_stream_limit(stream);
    if (gztell(stream->packed) != 0 && gzseek(stream->packed, 0, SEEK_SET) != 0) {
        return fail_packed(stream, 0, "the content");
    }
    for (;;) {
        if (stream->content_bytes == room) {
            room = room == 0 ? 1 << 20 : 2 * room;
            uint8_t *grown = realloc(stream->content, (size_t)room);
            if (grown == NULL) {
                AS_FAIL(AS_NOMEM, "%s: out of memory for its content", stream->path);
            }
            stream->content = grown;
        }
        const int64_t left = room - stream->content_bytes;
        const unsigned piece = left < PIECE_MAX ? (unsigned)left : (unsigned)PIECE_MAX;
        const int got = gzread(stream->packed, stream->content + stream->content_bytes, piece);
        if (got < 0) {
            return fail_packed(stream, stream->content_bytes, "the content");
        }
        if (got == 0) {
            return as_stream_end(stream, stream->content_bytes);
        }
        stream->content_bytes += got;
        if (stream->content_bytes > limit) {
            return fail_packed(stream, stream->content_bytes, "the content");
        }
    }
}

as_status as_stream_content(as_stream *stream, const uint8_t **data, int64_t *bytes)
{
    if (stream->memory != NULL) {
        *data = (const uint8_t *)stream->memory;
        *bytes = stream->size;
        return AS_OK;
    }
    if (stream->content == NULL && stream->packed != NULL) {
        const as_status status = inflate_content(stream);
        if (status != AS_OK) {
            free(stream->content);
            stream->content = NULL;
            stream->content_bytes = 0;
            return status;
        }
    } else if (stream->content == NULL) {
        void *map = mmap(NULL, (size_t)stream->size, PROT_READ, MAP_PRIVATE, stream->file, 0);
        if (map == MAP_FAILED) {
            AS_FAIL(AS_IO, "%s: cannot map: %s", stream->path, strerror(errno));
        }
        stream->content = map;
        stream->content_bytes = stream->size;
    }
    *data = stream->content;
    *bytes = stream->content_bytes;
    return AS_OK;
}

as_status as_stream_end(as_stream *stream, int64_t at)
{
    if (stream->packed == NULL) {
        if (stream->size != at) {
            AS_FAIL(AS_DATA, "%s: expected %lld bytes, found %lld", stream->path, (long long)at,
                    (long long)stream->size);
        }
        return AS_OK;
    }
    if (gztell(stream->packed) != at && gzseek(stream->packed, (z_off_t)at, SEEK_SET) != (z_off_t)at) {
        return fail_packed(stream, at, "the end");
    }
    char more;
    const int got = gzread(stream->packed, &more, 1);
    if (got > 0) {
        AS_FAIL(AS_DATA, "%s: expected %lld unpacked bytes, found more", stream->path, (long long)at);
    }
    int code = Z_OK;
    gzerror(stream->packed, &code);
    if (got < 0 || code != Z_OK) {
        return fail_packed(stream, at, "the checksum");
    }
    return AS_OK;
}
