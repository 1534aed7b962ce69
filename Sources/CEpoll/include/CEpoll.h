/// What Swift's Glibc overlay does not show: epoll, eventfd, accept4, malloc_trim, socket filters and queues, and a
/// thread-local pointer.
#ifndef CEPOLL_H
#define CEPOLL_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

/// Accepts one connection, non-blocking and closed on exec; -1 with errno when there is none.
/// `address` and `length` take the peer's address; both may be NULL.
int cepoll_accept(int listener, struct sockaddr *address, socklen_t *length);

/// From now on the listener passes over a client's first segment (a lone SYN): nobody new comes into
/// its queue, and handshakes under way still end. The client tries again after a second.
void cepoll_refuse_handshakes(int listener);

/// Bytes that the socket has taken and its peer has not acknowledged.
int cepoll_unacknowledged_bytes(int socket);

/// Processors this process may run on; 1 when the kernel does not say.
int cepoll_processor_count(void);

/// Gives the pages of freed memory back to the system.
void cepoll_trim_memory(void);

/// The event loop that runs on this thread, or NULL.
void *cepoll_current_loop(void);
void cepoll_set_current_loop(void *loop);

#endif
