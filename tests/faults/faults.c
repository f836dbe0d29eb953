/* A disk that fails, for tests: loaded before the C library (LD_PRELOAD, Linux).

   FAULT_AT=PATH    calls on files whose path begins with PATH and ends with
                    FAULT_END (if set) are counted, writes and flushes apart
   FAULT=KIND       what fails: write-eio, write-enospc, write-short (half of
                    it is written), flush-eio, open-eacces (for writing), or
                    clock (the system's time is before 1970)
   FAULT_FIRST=N    which of them is the first that fails; 1 if not set
   FAULT_ONCE=1     only that one fails; else all from there on
   FAULT_ARMED=FILE nothing fails or is counted unless FILE exists
   FAULT_COUNTS=FILE  at the end the counts of writes and flushes go there */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static atomic_long writes, flushes;

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static int is_kind(const char *kind)
{
    const char *wanted = getenv("FAULT");
    const char *armed = getenv("FAULT_ARMED");
    return (!armed || access(armed, F_OK) == 0) && wanted && strncmp(wanted, kind, strlen(kind)) == 0;
}

static int is_path(const char *path)
{
    const char *at = getenv("FAULT_AT"), *end = getenv("FAULT_END");
    size_t length = strlen(path);
    if (!at || strncmp(path, at, strlen(at)) != 0) return 0;
    return !end || (length >= strlen(end) && strcmp(path + length - strlen(end), end) == 0);
}

static int is_ours(int fd)
{
    char link[64], path[PATH_MAX];
    const char *armed = getenv("FAULT_ARMED");
    if (armed && access(armed, F_OK) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_path(path);
}

/* Whether the call with this number is one that fails. */
static int is_due(long number)
{
    const char *first = getenv("FAULT_FIRST");
    long due = first ? atol(first) : 1;
    return getenv("FAULT_ONCE") ? number == due : number >= due;
}

/* What becomes of a write: the bytes to be written, or -1 and errno. */
static ssize_t judge_write(int fd, size_t count)
{
    int saved = errno;
    ssize_t answer = (ssize_t)count;
    if (is_ours(fd) && is_due(++writes)) {
        if (is_kind("write-eio")) { errno = EIO; return -1; }
        if (is_kind("write-enospc")) { errno = ENOSPC; return -1; }
        if (is_kind("write-short") && count > 1) answer = (ssize_t)(count / 2);
    }
    errno = saved;
    return answer;
}

static int judge_flush(int fd)
{
    int saved = errno;
    if (is_ours(fd) && is_due(++flushes) && is_kind("flush-eio")) { errno = EIO; return -1; }
    errno = saved;
    return 0;
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    REAL(ssize_t, write, int, const void *, size_t);
    ssize_t some = judge_write(fd, count);
    return some < 0 ? -1 : real(fd, bytes, (size_t)some);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    ssize_t some = judge_write(fd, count);
    return some < 0 ? -1 : real(fd, bytes, (size_t)some, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at)
{
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    ssize_t some = judge_write(fd, count);
    return some < 0 ? -1 : real(fd, bytes, (size_t)some, at);
}

int fsync(int fd)
{
    /* It fails once it is done: the bytes are where a start after a kill finds them. */
    REAL(int, fsync, int);
    int done = real(fd);
    return judge_flush(fd) < 0 ? -1 : done;
}

int fdatasync(int fd)
{
    REAL(int, fdatasync, int);
    int done = real(fd);
    return judge_flush(fd) < 0 ? -1 : done;
}

int open(const char *path, int flags, ...)
{
    REAL(int, open, const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if ((flags & O_ACCMODE) != O_RDONLY && is_kind("open-eacces") && is_path(path)) {
        errno = EACCES;
        return -1;
    }
    return real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    REAL(int, open64, const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if ((flags & O_ACCMODE) != O_RDONLY && is_kind("open-eacces") && is_path(path)) {
        errno = EACCES;
        return -1;
    }
    return real(path, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    REAL(int, clock_gettime, clockid_t, struct timespec *);
    int done = real(clock, now);
    if (done == 0 && clock == CLOCK_REALTIME && is_kind("clock")) now->tv_sec = -86400;
    return done;
}

__attribute__((destructor)) static void tell_counts(void)
{
    const char *path = getenv("FAULT_COUNTS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "%ld %ld\n", writes, flushes);
    fclose(file);
}
