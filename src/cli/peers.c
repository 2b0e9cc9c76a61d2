#include "cli/peers.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"

enum { OUTPUT_MOST = 1 << 20, NUMBER_BYTES = 16, OWN_WORDS = 16 };

extern char **environ;

static heft_status peer_parse(char *text, struct peer *peer, heft_error *error);
static heft_status program_output(char *const *argv, struct buffer *out, heft_error *error);
static heft_status command_failed(char *const *argv, heft_error *error);
static heft_status start(char *const *argv, int out_fd, pid_t *pid, heft_error *error);
static bool read_rate(const struct buffer *out, double *rate);

heft_status peers_parse(char *text, struct peer *peers, int *n_peers, heft_error *error)
{
    char *rest = text;
    for (*n_peers = 0; rest; ++*n_peers) {
        char *comma = strchr(rest, ',');
        if (comma) *comma = 0;
        if (*n_peers == PEERS_MOST)
            return error_set(error, HEFT_USAGE, "--peers takes at most %d programs", PEERS_MOST);
        heft_status status = peer_parse(rest, &peers[*n_peers], error);
        if (status != HEFT_OK) return status;
        rest = comma ? comma + 1 : NULL;
    }
    return HEFT_OK;
}

heft_status peer_measure(const struct peer *peer, const struct peer_run *run, double *rate,
                         heft_error *error)
{
    char threads[NUMBER_BYTES], prompt[NUMBER_BYTES], answer[NUMBER_BYTES], depth[NUMBER_BYTES];
    snprintf(threads, sizeof threads, "%d", run->n_threads);
    snprintf(prompt, sizeof prompt, "%d", run->n_prompt);
    snprintf(answer, sizeof answer, "%d", run->n_answer);
    snprintf(depth, sizeof depth, "%d", run->depth);
    const char *argv[PEER_WORDS_MOST + OWN_WORDS] = {0};
    int n = 0;
    for (int i = 0; i < peer->n_words; i++) argv[n++] = peer->words[i];
    const char *own[] = {"-m", run->model, "-t", threads, "-p", prompt,
                         "-n", answer,     "-r", "1",     "-o", "json"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) argv[n++] = own[i];
    if (run->depth > 0) {
        argv[n++] = "-d";
        argv[n++] = depth;
    }
    struct buffer out = {.limit = OUTPUT_MOST};
    heft_status status = program_output((char *const *)argv, &out, error);
    if (status == HEFT_OK && !read_rate(&out, rate))
        status = error_set(error, HEFT_USAGE, "%s: its output is not that of llama-bench -o json",
                           peer->words[0]);
    buffer_free(&out);
    return status;
}

/* "name=program option option" */
static heft_status peer_parse(char *text, struct peer *peer, heft_error *error)
{
    char *equals = strchr(text, '='), *state = NULL;
    *peer = (struct peer){.name = text};
    if (equals) *equals = 0;
    for (char *word = equals ? strtok_r(equals + 1, " ", &state) : NULL; word;
         word = strtok_r(NULL, " ", &state)) {
        if (peer->n_words == PEER_WORDS_MOST)
            return error_set(error, HEFT_USAGE, "--peers: %s has too many options", peer->name);
        peer->words[peer->n_words++] = word;
    }
    if (peer->n_words > 0 && text[0]) return HEFT_OK;
    return error_set(error, HEFT_USAGE, "--peers needs NAME=PROGRAM, as in llama=./llama-bench");
}

static heft_status program_output(char *const *argv, struct buffer *out, heft_error *error)
{
    int ends[2];
    if (pipe(ends) != 0) return error_set(error, HEFT_INTERNAL, "no pipe: %s", strerror(errno));
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    pid_t pid;
    heft_status status = start(argv, ends[1], &pid, error);
    close(ends[1]);
    if (status == HEFT_OK) {
        char chunk[4096];
        for (ssize_t n; (n = read(ends[0], chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR);)
            if (n > 0) buffer_append(out, chunk, (size_t)n);
        int result = 0;
        while (waitpid(pid, &result, 0) < 0 && errno == EINTR) continue;
        if (!WIFEXITED(result) || WEXITSTATUS(result) != 0) status = command_failed(argv, error);
    }
    close(ends[0]);
    return status;
}

/* Names the whole command, which says more when it is run by hand. */
static heft_status command_failed(char *const *argv, heft_error *error)
{
    char command[1024];
    size_t n = 0;
    for (int i = 0; argv[i] && n < sizeof command; i++)
        n += (size_t)snprintf(command + n, sizeof command - n, " %s", argv[i]);
    return error_set(error, HEFT_USAGE, "a peer failed:%s", command);
}

/* What it says on its standard error is about loading, and left out. */
static heft_status start(char *const *argv, int out_fd, pid_t *pid, heft_error *error)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    int problem = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (problem == 0) return HEFT_OK;
    return error_set(error, HEFT_USAGE, "%s cannot be started: %s", argv[0], strerror(problem));
}

static bool read_rate(const struct buffer *out, double *rate)
{
    json_t *tests = json_loadb(out->data ? out->data : "", out->n_bytes, 0, NULL);
    json_t *found = json_object_get(json_array_get(tests, 0), "avg_ts");
    *rate = json_number_value(found);
    bool valid = json_is_number(found) && *rate > 0;
    json_decref(tests);
    return valid;
}
