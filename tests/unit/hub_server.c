#include "hub_server.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_BYTES = 16384, SILENCE_MS = 10000 };

static void *serve(void *argument);
static void answer(struct hub_server *server, int fd);

static void must(bool good, const char *what)
{
    if (good) return;
    perror(what);
    abort();
}

static struct sockaddr_in own_address(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

void hub_server_start(struct hub_server *server, struct hub_resource *resources, int n_resources)
{
    struct sockaddr_in address = own_address(0);
    socklen_t n_address = sizeof address;
    *server = (struct hub_server){.resources = resources, .n_resources = n_resources};
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    must(server->fd >= 0 && bind(server->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
             listen(server->fd, 16) == 0 &&
             getsockname(server->fd, (struct sockaddr *)&address, &n_address) == 0,
         "test server");
    server->port = ntohs(address.sin_port);
    snprintf(server->origin, sizeof server->origin, "http://127.0.0.1:%d", server->port);
    must(pthread_create(&server->thread, NULL, serve, server) == 0, "test server thread");
}

void hub_server_stop(struct hub_server *server)
{
    struct sockaddr_in address = own_address(server->port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
             send(fd, "STOP\r\n\r\n", 8, MSG_NOSIGNAL) == 8,
         "test server stop");
    pthread_join(server->thread, NULL);
    close(fd);
    close(server->fd);
}

static void *serve(void *argument)
{
    struct hub_server *server = argument;
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0) continue;
        char first[5] = "";
        bool stop = recv(fd, first, 4, MSG_PEEK | MSG_WAITALL) == 4 && strcmp(first, "STOP") == 0;
        if (!stop) answer(server, fd);
        close(fd);
        if (stop) return NULL;
    }
}

static bool read_request(int fd, char request[REQUEST_BYTES])
{
    size_t n = 0;
    for (;;) {
        ssize_t n_new = recv(fd, request + n, REQUEST_BYTES - 1 - n, 0);
        if (n_new <= 0) return false;
        n += (size_t)n_new;
        request[n] = 0;
        if (strstr(request, "\r\n\r\n")) return true;
    }
}

/* False once the other end has had enough. */
static bool send_all(int fd, const char *data, size_t n_bytes, bool trickles)
{
    while (n_bytes > 0) {
        ssize_t n = send(fd, data, trickles ? 1 : n_bytes, MSG_NOSIGNAL);
        if (n <= 0) return false;
        if (trickles) usleep(100 * 1000);
        data += n;
        n_bytes -= (size_t)n;
    }
    return true;
}

/* Bytes `first` to `end` of the body; behind it there are zeros. */
static void send_part(int fd, const struct hub_resource *resource, size_t n_body, uint64_t first,
                      uint64_t end)
{
    static const char zeros[65536];
    bool wanted = true;
    while (wanted && first < end) {
        uint64_t room = first < n_body ? n_body - first : sizeof zeros;
        size_t n = (size_t)(end - first < room ? end - first : room);
        const char *from = first < n_body ? resource->body + first : zeros;
        wanted = send_all(fd, from, n, resource->trickles);
        first += n;
    }
}

static struct hub_resource *find(struct hub_server *server, const char *request)
{
    const char *path = strchr(request, ' ') + 1;
    size_t n = strcspn(path, " ");
    for (int i = 0; i < server->n_resources; i++) {
        const char *own = server->resources[i].path;
        if (strlen(own) == n && strncmp(own, path, n) == 0) return &server->resources[i];
    }
    return NULL;
}

static void send_status(int fd, int code, const char *fields)
{
    static const char body[] = "<html>this is for people</html>";
    char head[1024];
    snprintf(head, sizeof head,
             "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n%s", code,
             strlen(body), fields ? fields : "", body);
    send_all(fd, head, strlen(head), false);
}

static void send_body(int fd, const struct hub_resource *resource, const char *request)
{
    size_t n_bytes = resource->n_bytes ? resource->n_bytes : strlen(resource->body);
    uint64_t n_total = resource->n_total ? resource->n_total : n_bytes, first = 0,
             last = n_total - 1;
    const char *range = resource->no_ranges ? NULL : strstr(request, "Range: bytes=");
    if (range) sscanf(range, "Range: bytes=%" SCNu64 "-%" SCNu64, &first, &last);
    if (last > n_total - 1) last = n_total - 1;
    char head[2048], length[64] = "", content[128] = "";
    uint64_t shift = resource->shifted ? 1 : 0;
    if (!resource->no_length)
        snprintf(length, sizeof length, "Content-Length: %" PRIu64 "\r\n", last - first + 1);
    if (range)
        snprintf(content, sizeof content,
                 "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", first + shift,
                 last + shift, n_total);
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nConnection: close\r\n%s%s%s\r\n",
             range ? "206 Partial Content" : "200 OK", length, content,
             resource->fields ? resource->fields : "");
    send_all(fd, head, strlen(head), false);
    uint64_t end = resource->cut ? first + (last - first) / 2 : last + 1;
    send_part(fd, resource, n_bytes, first, end);
}

static void answer(struct hub_server *server, int fd)
{
    char request[REQUEST_BYTES];
    if (!read_request(fd, request)) return;
    struct hub_resource *resource = find(server, request);
    if (!resource) {
        send_status(fd, 404, NULL);
        return;
    }
    bool has_token = strstr(request, "Authorization: Bearer heft_test\r\n") != NULL;
    int n_asked = atomic_fetch_add(&resource->n_asked, 1) + 1;
    if (strstr(request, "Authorization:")) atomic_fetch_add(&resource->n_with_token, 1);
    if (resource->silent) {
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, SILENCE_MS);
    } else if (n_asked <= resource->n_busy) {
        send_status(fd, 503, resource->fields);
    } else if (resource->needs_token && !has_token) {
        send_status(fd, 401, resource->fields);
    } else if (resource->code) {
        send_status(fd, resource->code, resource->fields);
    } else {
        send_body(fd, resource, request);
    }
}
