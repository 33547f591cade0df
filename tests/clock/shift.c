/* Another time of day for every process into which this is loaded (LD_PRELOAD): bin/test --at.

   The time of day, the times of files, and deadlines given in that time move by SHIFT seconds, which is compiled in, so
   that a process with an environment of its own needs nothing else. The monotonic clock stays real, and so does every
   wait. Linux on 64 bits. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <utime.h>

#ifndef SHIFT
#error "say by how many seconds: -DSHIFT=..."
#endif

/* The function of the same name that would have been called without us. */
#define NEXT(name)                                                          \
    static __typeof__(&name) next;                                          \
    if (!next)                                                              \
    next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int is_time_of_day(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

/* A deadline that a caller wrote, in real time. Functions that do not say their clock have it told by the figure: a
   monotonic clock starts with the machine and never comes to a thousand million seconds; "never" stays far away. */
static struct timespec real_deadline(const struct timespec *shifted) {
    struct timespec deadline = *shifted;
    if (deadline.tv_sec >= 1000000000 && deadline.tv_sec < 100000000000)
        deadline.tv_sec -= SHIFT;
    return deadline;
}

/* -- what time it is ------------------------------------------------------------------------------------ */

int clock_gettime(clockid_t clock, struct timespec *now) {
    NEXT(clock_gettime);
    int failed = next(clock, now);
    if (!failed && is_time_of_day(clock))
        now->tv_sec += SHIFT;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec time_of_day;
    clock_gettime(CLOCK_REALTIME, &time_of_day);
    now->tv_sec = time_of_day.tv_sec;
    now->tv_usec = time_of_day.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec time_of_day;
    clock_gettime(CLOCK_REALTIME, &time_of_day);
    if (now)
        *now = time_of_day.tv_sec;
    return time_of_day.tv_sec;
}

int timespec_get(struct timespec *now, int base) {
    return base == TIME_UTC && !clock_gettime(CLOCK_REALTIME, now) ? base : 0;
}

/* -- the times of files ---------------------------------------------------------------------------------- */

static int shifted_stat(int failed, struct stat *found) {
    if (!failed) {
        found->st_atim.tv_sec += SHIFT;
        found->st_mtim.tv_sec += SHIFT;
        found->st_ctim.tv_sec += SHIFT;
    }
    return failed;
}

#define STAT(name, arguments, call, found)                                  \
    int name arguments {                                                    \
        NEXT(name);                                                         \
        return shifted_stat(next call, (struct stat *)(found));             \
    }

STAT(stat, (const char *restrict path, struct stat *restrict found), (path, found), found)
STAT(lstat, (const char *restrict path, struct stat *restrict found), (path, found), found)
STAT(fstat, (int file, struct stat *found), (file, found), found)
STAT(fstatat, (int folder, const char *restrict path, struct stat *restrict found, int flags),
     (folder, path, found, flags), found)
STAT(stat64, (const char *restrict path, struct stat64 *restrict found), (path, found), found)
STAT(lstat64, (const char *restrict path, struct stat64 *restrict found), (path, found), found)
STAT(fstat64, (int file, struct stat64 *found), (file, found), found)
STAT(fstatat64, (int folder, const char *restrict path, struct stat64 *restrict found, int flags),
     (folder, path, found, flags), found)

/* What programs built with an older C library call. */
#ifdef __x86_64__
int __xstat(int, const char *, struct stat *);
int __lxstat(int, const char *, struct stat *);
int __fxstat(int, int, struct stat *);
int __fxstatat(int, int, const char *, struct stat *, int);
int __xstat64(int, const char *, struct stat64 *);
int __lxstat64(int, const char *, struct stat64 *);
int __fxstat64(int, int, struct stat64 *);
int __fxstatat64(int, int, const char *, struct stat64 *, int);
STAT(__xstat, (int version, const char *path, struct stat *found), (version, path, found), found)
STAT(__lxstat, (int version, const char *path, struct stat *found), (version, path, found), found)
STAT(__fxstat, (int version, int file, struct stat *found), (version, file, found), found)
STAT(__fxstatat, (int version, int folder, const char *path, struct stat *found, int flags),
     (version, folder, path, found, flags), found)
STAT(__xstat64, (int version, const char *path, struct stat64 *found), (version, path, found), found)
STAT(__lxstat64, (int version, const char *path, struct stat64 *found), (version, path, found), found)
STAT(__fxstat64, (int version, int file, struct stat64 *found), (version, file, found), found)
STAT(__fxstatat64, (int version, int folder, const char *path, struct stat64 *found, int flags),
     (version, folder, path, found, flags), found)
#endif

int statx(int folder, const char *restrict path, int flags, unsigned int mask, struct statx *restrict found) {
    NEXT(statx);
    int failed = next(folder, path, flags, mask, found);
    if (!failed) {
        found->stx_atime.tv_sec += SHIFT;
        found->stx_btime.tv_sec += SHIFT;
        found->stx_ctime.tv_sec += SHIFT;
        found->stx_mtime.tv_sec += SHIFT;
    }
    return failed;
}

static const struct timespec *real_times(const struct timespec *times, struct timespec *into) {
    if (!times)
        return NULL;
    for (int each = 0; each < 2; each++) {
        into[each] = times[each];
        if (times[each].tv_nsec != UTIME_NOW && times[each].tv_nsec != UTIME_OMIT)
            into[each].tv_sec -= SHIFT;
    }
    return into;
}

static const struct timeval *real_timevals(const struct timeval *times, struct timeval *into) {
    for (int each = 0; times && each < 2; each++) {
        into[each] = times[each];
        into[each].tv_sec -= SHIFT;
    }
    return times ? into : NULL;
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
    NEXT(utimensat);
    struct timespec real[2];
    return next(folder, path, real_times(times, real), flags);
}

int futimens(int file, const struct timespec times[2]) {
    NEXT(futimens);
    struct timespec real[2];
    return next(file, real_times(times, real));
}

int utimes(const char *path, const struct timeval times[2]) {
    NEXT(utimes);
    struct timeval real[2];
    return next(path, real_timevals(times, real));
}

int lutimes(const char *path, const struct timeval times[2]) {
    NEXT(lutimes);
    struct timeval real[2];
    return next(path, real_timevals(times, real));
}

int futimes(int file, const struct timeval times[2]) {
    NEXT(futimes);
    struct timeval real[2];
    return next(file, real_timevals(times, real));
}

int utime(const char *path, const struct utimbuf *times) {
    NEXT(utime);
    if (!times)
        return next(path, NULL);
    struct utimbuf real = {.actime = times->actime - SHIFT, .modtime = times->modtime - SHIFT};
    return next(path, &real);
}

/* -- waits until a time of day ----------------------------------------------------------------------------- */

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
    NEXT(pthread_cond_timedwait);
    struct timespec real = real_deadline(until);
    return next(condition, mutex, &real);
}

int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, clockid_t clock,
                           const struct timespec *restrict until) {
    NEXT(pthread_cond_clockwait);
    struct timespec real = is_time_of_day(clock) ? real_deadline(until) : *until;
    return next(condition, mutex, clock, &real);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
    NEXT(sem_timedwait);
    struct timespec real = real_deadline(until);
    return next(semaphore, &real);
}

int sem_clockwait(sem_t *restrict semaphore, clockid_t clock, const struct timespec *restrict until) {
    NEXT(sem_clockwait);
    struct timespec real = is_time_of_day(clock) ? real_deadline(until) : *until;
    return next(semaphore, clock, &real);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict until) {
    NEXT(pthread_mutex_timedlock);
    struct timespec real = real_deadline(until);
    return next(mutex, &real);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left) {
    NEXT(clock_nanosleep);
    struct timespec real = flags & TIMER_ABSTIME && is_time_of_day(clock) ? real_deadline(until) : *until;
    return next(clock, flags, &real, left);
}

int timerfd_settime(int timer, int flags, const struct itimerspec *asked, struct itimerspec *before) {
    NEXT(timerfd_settime);
    struct itimerspec real = *asked;
    if (flags & TFD_TIMER_ABSTIME)
        real.it_value = real_deadline(&real.it_value);
    return next(timer, flags, &real, before);
}
