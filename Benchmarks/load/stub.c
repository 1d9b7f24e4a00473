/* The upstream of the benchmark: one epoll thread that answers every request with 204 and costs next to nothing, so that it is
 * never what limits the proxies. It keeps the last request head, which `GET /last` gives back, so that a signature can be checked.
 *
 *   stub PORT      listens on 127.0.0.1:PORT; ends with SIGTERM
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { most_descriptors = 4096, input_bytes = 8192, most_events = 256 };

struct peer {
    size_t filled;
    char input[input_bytes];
};

static struct peer *peers[most_descriptors];
static char last_head[input_bytes];
static size_t last_length;

/* The time in `Date` is the present one: a signer that looks at the clock of its upstream would distrust another. */
static char answer[] =
    "HTTP/1.1 204 No Content\r\n"
    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    "x-amzn-RequestId: 5f3c2a10-0000-4000-8000-000000000000\r\n"
    "\r\n";

static void keep_date(void) {
    static time_t written;
    time_t now = time(NULL);
    if (now == written) return;
    char text[32];
    size_t length = strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now));
    memcpy(strstr(answer, "Date: ") + 6, text, length);
    written = now;
}

static void forget(int descriptor) {
    free(peers[descriptor]);
    peers[descriptor] = NULL;
    close(descriptor);
}

static int send_all(int descriptor, const char *bytes, size_t count) { return send(descriptor, bytes, count, MSG_NOSIGNAL) == (ssize_t)count; }

static int answer_one(int descriptor, const char *head, size_t length) {
    if (length > 10 && memcmp(head, "GET /last ", 10) == 0) {
        char text[input_bytes + 128];
        int start = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", last_length);
        memcpy(text + start, last_head, last_length);
        return send_all(descriptor, text, (size_t)start + last_length);
    }
    memcpy(last_head, head, length);
    last_length = length;
    keep_date();
    return send_all(descriptor, answer, sizeof answer - 1);
}

static void serve(int descriptor) {
    struct peer *peer = peers[descriptor];
    ssize_t count = recv(descriptor, peer->input + peer->filled, input_bytes - peer->filled, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) return forget(descriptor);
    peer->filled += (size_t)count;
    char *start = peer->input;
    size_t left = peer->filled;
    char *end;
    while ((end = memmem(start, left, "\r\n\r\n", 4)) != NULL) {
        size_t length = (size_t)(end - start) + 4;
        if (!answer_one(descriptor, start, length)) return forget(descriptor);
        start += length;
        left -= length;
    }
    if (left == input_bytes) return forget(descriptor);
    memmove(peer->input, start, left);
    peer->filled = left;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: stub PORT\n");
        return 64;
    }
    int yes = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0) {
        perror("stub: cannot listen");
        return 69;
    }
    int loop = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
    struct epoll_event events[most_events];
    for (;;) {
        int ready = epoll_wait(loop, events, most_events, -1);
        for (int index = 0; index < ready; index++) {
            int descriptor = events[index].data.fd;
            if (descriptor != listener) {
                serve(descriptor);
                continue;
            }
            int taken = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (taken < 0) continue;
            if (taken >= most_descriptors || (peers[taken] = malloc(sizeof **peers)) == NULL) {
                close(taken);
                continue;
            }
            peers[taken]->filled = 0;
            setsockopt(taken, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            struct epoll_event mine = {.events = EPOLLIN, .data.fd = taken};
            epoll_ctl(loop, EPOLL_CTL_ADD, taken, &mine);
        }
    }
}
