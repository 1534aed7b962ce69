/// libcurl for Swift: `curl_easy_setopt` and its kin are variadic, which Swift cannot call, so each
/// kind of argument has a function of its own here. Everything else of libcurl is used as it is.
#ifndef CCURL_H
#define CCURL_H

#include <curl/curl.h>

/// Sets an option that takes a `long` (numbers and switches).
CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value);
/// Sets an option that takes a `curl_off_t` (sizes).
CURLcode ccurl_set_size(CURL *easy, CURLoption option, curl_off_t value);
/// Sets an option that takes a string, which libcurl copies; NULL puts the default back.
CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value);
/// Sets an option that takes a pointer, which must live as long as the transfer.
CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, void *value);
/// Gives the request body; libcurl keeps a copy, so that it can send it again.
CURLcode ccurl_set_body(CURL *easy, const void *bytes, curl_off_t count);

/// Receives or delivers bytes; returns how many were taken or given.
typedef size_t (*ccurl_data_callback)(char *bytes, size_t size, size_t count, void *context);
/// Moves to `offset` in the upload, counted by `origin`; returns a CURL_SEEKFUNC value.
typedef int (*ccurl_seek_callback)(void *context, curl_off_t offset, int origin);

/// Makes a transfer's sockets close on exec: a child process that inherited one would keep the
/// connection open after we closed it.
CURLcode ccurl_set_close_on_exec(CURL *easy);

/// Opens a socket for `address`, or answers CURL_SOCKET_BAD so that the transfer does without it.
typedef curl_socket_t (*ccurl_socket_opener)(void *context, curlsocktype purpose,
                                             struct curl_sockaddr *address);
/// Asks `open` for a socket to each address that the transfer would connect to, whatever name it was
/// found by.
CURLcode ccurl_set_socket_opener(CURL *easy, ccurl_socket_opener open, void *context);
/// A socket for `address` that closes on exec; CURL_SOCKET_BAD if there is none.
curl_socket_t ccurl_open_socket(const struct curl_sockaddr *address);

/// Where the lines of the response head and the bytes of the response body go.
CURLcode ccurl_set_receivers(CURL *easy, ccurl_data_callback head, ccurl_data_callback body,
                             void *context);
/// Where the bytes of an upload come from, and how it is begun again.
CURLcode ccurl_set_upload(CURL *easy, ccurl_data_callback read, ccurl_seek_callback seek,
                          void *context);

/// Reads a fact that is a `long`; 0 when libcurl has none.
long ccurl_info_long(CURL *easy, CURLINFO info);
/// Reads a fact that is a `curl_off_t` (times in microseconds, sizes); 0 when libcurl has none.
curl_off_t ccurl_info_size(CURL *easy, CURLINFO info);

/// Told which descriptor to wait for, by a CURL_POLL value.
typedef int (*ccurl_socket_callback)(CURL *easy, curl_socket_t socket, int what, void *context,
                                     void *socket_context);
/// Told when to come back, in milliseconds; -1 for never.
typedef int (*ccurl_timer_callback)(CURLM *multi, long milliseconds, void *context);

CURLMcode ccurl_multi_set_callbacks(CURLM *multi, ccurl_socket_callback socket,
                                    ccurl_timer_callback timer, void *context);
CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value);

/// Takes the next finished transfer off the list: its handle, and its result in `result`. NULL when
/// none is left.
CURL *ccurl_multi_next_finished(CURLM *multi, CURLcode *result);

#endif
