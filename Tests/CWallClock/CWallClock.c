#define _GNU_SOURCE
#include "CWallClock.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static _Atomic long stepped_seconds;

void wall_clock_step(long seconds) { atomic_fetch_add(&stepped_seconds, seconds); }

int clock_gettime(clockid_t clock, struct timespec *now) {
  int status = (int)syscall(SYS_clock_gettime, clock, now);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += atomic_load(&stepped_seconds);
  return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone; // obsolete, and filled in by no Linux
  struct timespec time;
  int status = clock_gettime(CLOCK_REALTIME, &time);
  if (status == 0) {
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
  }
  return status;
}

time_t time(time_t *seconds) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (seconds) *seconds = now.tv_sec;
  return now.tv_sec;
}
