#define _GNU_SOURCE
#include "CEpoll.h"

#include <malloc.h>
#include <sched.h>

static _Thread_local void *current_loop;

int cepoll_accept(int listener, struct sockaddr *address, socklen_t *length) {
  return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int cepoll_processor_count(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

void cepoll_trim_memory(void) { malloc_trim(0); }

void *cepoll_current_loop(void) { return current_loop; }
void cepoll_set_current_loop(void *loop) { current_loop = loop; }
