#define _GNU_SOURCE
#include "CEpoll.h"

#include <linux/filter.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <sched.h>
#include <sys/ioctl.h>

static _Thread_local void *current_loop;

int cepoll_accept(int listener, struct sockaddr *address, socklen_t *length) {
  return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void cepoll_refuse_handshakes(int listener) {
  enum { flags_offset = 13, syn = 0x02, ack = 0x10 };
  const unsigned drop = 0, keep_whole = 0xffffffff;
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, flags_offset),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, syn | ack),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, syn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, drop),
      BPF_STMT(BPF_RET | BPF_K, keep_whole),
  };
  struct sock_fprog program = {sizeof code / sizeof code[0], code};
  // A kernel without filters goes on to take them, for the moment until the listener is closed.
  (void)setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int cepoll_unacknowledged_bytes(int socket) {
  int bytes = 0;
  (void)ioctl(socket, SIOCOUTQ, &bytes);
  return bytes;
}

int cepoll_processor_count(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

void cepoll_trim_memory(void) { malloc_trim(0); }

void *cepoll_current_loop(void) { return current_loop; }
void cepoll_set_current_loop(void *loop) { current_loop = loop; }
