/* A web server for tests: answers on a port of this machine from a table of what lies where, and
 * counts who asked for what. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hub_resource {
    const char *path; /* with the query */
    const char *body;
    size_t n_bytes;     /* 0: strlen(body) */
    uint64_t n_total;   /* of the file, with zeros behind the body; 0: none */
    int code;           /* 0: 200, or 206 for a range */
    const char *fields; /* more of them, each with \r\n */
    int n_busy;         /* that many requests get 503 before one is answered */
    bool needs_token, no_ranges, no_length;
    bool silent;   /* never answers */
    bool cut;      /* half of what was promised */
    bool shifted;  /* another range than was asked for */
    bool trickles; /* a byte at a time */
    atomic_int n_asked, n_with_token;
};

struct hub_server {
    int fd, port;
    char origin[64]; /* "http://127.0.0.1:PORT" */
    struct hub_resource *resources;
    int n_resources;
    pthread_t thread;
};

/* Aborts the test if it cannot start. `token` is "heft_test" in all of them. */
void hub_server_start(struct hub_server *server, struct hub_resource *resources, int n_resources);
void hub_server_stop(struct hub_server *server);
