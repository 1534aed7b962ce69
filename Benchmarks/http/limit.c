// The limit: as little as a server on sockets can do.
//
// One epoll loop a thread, each with a listener of its own (SO_REUSEPORT). It reads what is there,
// looks for the ends of heads, Content-Length and "Connection: close", copies canned answers and
// writes them with one call. /echo returns the body as it came. It is what others are divided by,
// and no server for anything else: it does not check what it reads.
//
// environment: PORT (default 8080), THREADS (default 1)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  INPUT_BYTES = 64 * 1024,
  BODY_BYTES_MAX = 32 * 1024,
  // The shortest request, "GET /json HTTP/1.1" and a blank line, is 22 bytes; no answer is eight
  // times as long.
  OUTPUT_BYTES = 8 * INPUT_BYTES,
  EVENTS = 256,
  ACCEPTS_IN_A_ROW = 64,
  BACKLOG = 1024,
};

struct bytes {
  char *start; // on the heap, or NULL
  size_t count;
};

struct connection {
  int socket;
  bool is_last;        // it closes when everything is sent
  struct bytes unread; // the beginning of a request whose rest has not come
  struct bytes unsent; // what the kernel had no room for
};

struct loop {
  int epoll, listener;
  char input[INPUT_BYTES];
  char output[OUTPUT_BYTES];
};

struct request {
  const char *head, *body;
  size_t body_count;
  bool is_last;
};

#define HEAD(type, count) \
  "HTTP/1.1 200 OK\r\nContent-Type: " type "\r\nContent-Length: " count "\r\n"
#define HELLO "Hello, World!"

static const char plaintext[] = HEAD("text/plain", "13") "\r\n" HELLO;
static const char plaintext_last[] = HEAD("text/plain", "13") "Connection: close\r\n\r\n" HELLO;
static const char json[] = HEAD("application/json", "27") "\r\n{\"message\":\"" HELLO "\"}";
static const char not_found[] =
  "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

static bool begins(const char *bytes, const char *word) {
  return strncmp(bytes, word, strlen(word)) == 0;
}

static char *append(char *output, const char *bytes, size_t count) {
  memcpy(output, bytes, count);
  return output + count;
}

// Reads a request from the front of `at..<end`. Returns where it ends, NULL until all is there.
static const char *read_request(const char *at, const char *end, struct request *request) {
  *request = (struct request){.head = at};
  for (;;) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    if (!newline) return NULL;
    if (newline - at == 1) { // "\r\n": the head ends here
      request->body = newline + 1;
      bool is_whole = (size_t)(end - request->body) >= request->body_count;
      return is_whole ? request->body + request->body_count : NULL;
    }
    // A comparison stops at the line's end at the latest, since no word here contains one.
    if ((*at | 0x20) == 'c') {
      if (strncasecmp(at, "content-length:", 15) == 0) {
        request->body_count = strtoul(at + 15, NULL, 10);
      }
      if (strncasecmp(at, "connection: close", 17) == 0) request->is_last = true;
    }
    at = newline + 1;
  }
}

static char *answer(struct request *request, char *output) {
  if (begins(request->head, "GET /plaintext ")) {
    return request->is_last ? append(output, plaintext_last, sizeof plaintext_last - 1)
                            : append(output, plaintext, sizeof plaintext - 1);
  }
  if (begins(request->head, "GET /json ")) return append(output, json, sizeof json - 1);
  if (begins(request->head, "POST /echo ") && request->body_count <= BODY_BYTES_MAX) {
    output += sprintf(output, HEAD("application/json", "%zu") "\r\n", request->body_count);
    return append(output, request->body, request->body_count);
  }
  request->is_last = true;
  return append(output, not_found, sizeof not_found - 1);
}

static struct bytes kept(const char *start, size_t count) {
  struct bytes copy = {.start = malloc(count), .count = count};
  if (!copy.start) abort();
  memcpy(copy.start, start, count);
  return copy;
}

static void forget(struct bytes *bytes) {
  free(bytes->start);
  *bytes = (struct bytes){0};
}

static void close_connection(struct connection *connection) {
  close(connection->socket); // which also takes it from the epoll set
  forget(&connection->unread);
  forget(&connection->unsent);
  free(connection);
}

// Has the loop told of input, or else of room for output.
static void watch(
  struct loop *loop, struct connection *connection, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = connection};
  if (epoll_ctl(loop->epoll, operation, connection->socket, &event)) abort();
}

// Sends what it can. Returns how much of `count` is left, or -1 when the client has gone.
static ssize_t send_now(int socket, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t sent = send(socket, bytes, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN ? (ssize_t)count : -1;
    bytes += sent;
    count -= (size_t)sent;
  }
  return 0;
}

static void write_rest(struct loop *loop, struct connection *connection) {
  struct bytes *unsent = &connection->unsent;
  ssize_t left = send_now(connection->socket, unsent->start, unsent->count);
  if (left < 0 || (left == 0 && connection->is_last)) {
    close_connection(connection);
  } else if (left == 0) {
    forget(unsent);
    watch(loop, connection, EPOLL_CTL_MOD, EPOLLIN);
  } else {
    memmove(unsent->start, unsent->start + unsent->count - (size_t)left, (size_t)left);
    unsent->count = (size_t)left;
  }
}

static void read_and_answer(struct loop *loop, struct connection *connection) {
  size_t count = connection->unread.count;
  if (count > 0) memcpy(loop->input, connection->unread.start, count);
  ssize_t received = recv(connection->socket, loop->input + count, INPUT_BYTES - count, 0);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received <= 0) return close_connection(connection);
  if (count > 0) forget(&connection->unread);

  const char *at = loop->input, *end = at + count + received, *next;
  char *output = loop->output;
  struct request request;
  while (!connection->is_last && at < end && (next = read_request(at, end, &request))) {
    output = answer(&request, output);
    connection->is_last = request.is_last;
    at = next;
  }
  // A request larger than any of ours.
  if (end - at == INPUT_BYTES) return close_connection(connection);

  count = (size_t)(output - loop->output);
  ssize_t left = send_now(connection->socket, loop->output, count);
  if (left < 0 || (left == 0 && connection->is_last)) return close_connection(connection);
  if (at < end) connection->unread = kept(at, (size_t)(end - at));
  if (left > 0) {
    connection->unsent = kept(output - left, (size_t)left);
    watch(loop, connection, EPOLL_CTL_MOD, EPOLLOUT);
  }
}

static void accept_connections(struct loop *loop) {
  for (int accepted = 0; accepted < ACCEPTS_IN_A_ROW; accepted++) {
    int socket = accept4(loop->listener, NULL, NULL, SOCK_NONBLOCK);
    if (socket < 0) return;
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) abort();
    connection->socket = socket;
    watch(loop, connection, EPOLL_CTL_ADD, EPOLLIN);
  }
}

static void *run(void *argument) {
  struct loop *loop = argument;
  struct epoll_event events[EVENTS];
  for (;;) {
    int count = epoll_wait(loop->epoll, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      if (!connection) accept_connections(loop);
      else if (connection->unsent.count > 0) write_rest(loop, connection);
      else read_and_answer(loop, connection);
    }
  }
  return NULL; // not reached
}

static struct loop *new_loop(int port) {
  struct loop *loop = calloc(1, sizeof *loop);
  if (!loop) abort();
  loop->epoll = epoll_create1(EPOLL_CLOEXEC);
  loop->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(loop->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(loop->listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  // Accepted sockets inherit it.
  setsockopt(loop->listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct sockaddr_in address = {
    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (bind(loop->listener, (struct sockaddr *)&address, sizeof address) ||
      listen(loop->listener, BACKLOG) ||
      epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->listener, &event)) {
    perror("limit");
    exit(1);
  }
  return loop;
}

static int setting(const char *name, int otherwise) {
  const char *value = getenv(name);
  return value ? atoi(value) : otherwise;
}

int main(void) {
  int port = setting("PORT", 8080), threads = setting("THREADS", 1);
  for (int i = 1; i < threads; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, new_loop(port))) abort();
  }
  run(new_loop(port));
}
