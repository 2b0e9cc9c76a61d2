#include "hub/http.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "hub/exchange.h"

enum {
    MAX_BACKOFF_MS = 20000,
    LOOK_MS = 500, /* at most so long until somebody looks what has happened */
};

struct http {
    CURLM *multi; /* keeps the connections */
    CURL *easies[HTTP_MAX_CALLS];
    char *origin, *certificates;
    struct exchange_settings settings;
    int n_attempts, pause_ms;
};

/* A call as http_get_all sees it. */
struct job {
    struct exchange exchange;
    uint64_t resume_at_ns; /* of one that waits to be repeated, else 0 */
    bool running, finished;
};

static bool copy_settings(struct http *http, const struct http_options *options);
static void begin(struct http *http, struct job *job);
static void collect(struct http *http);
static void resume(struct http *http, struct job *jobs, int n);
static int wait_ms(const struct job *jobs, int n);
static void give_up(struct http *http, struct job *jobs, int n);
static void finish(struct http *http, struct job *job, enum exchange_outcome outcome);

heft_status http_open(const struct http_options *options, struct http **out, heft_error *error)
{
    *out = NULL;
    struct http *http = calloc(1, sizeof *http);
    /* Counted by libcurl: the first of these sets it up, the last close takes it down. */
    if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(http);
        return error_set(error, HEFT_INTERNAL, "libcurl cannot be set up");
    }
    http->multi = curl_multi_init();
    bool good = copy_settings(http, options) && http->multi;
    for (int i = 0; i < HTTP_MAX_CALLS && good; i++)
        good = (http->easies[i] = curl_easy_init()) != NULL;
    if (good) {
        *out = http;
        return HEFT_OK;
    }
    http_close(http);
    return error_set(error, HEFT_INTERNAL, "no memory for a connection");
}

void http_close(struct http *http)
{
    if (!http) return;
    for (int i = 0; i < HTTP_MAX_CALLS; i++) curl_easy_cleanup(http->easies[i]);
    curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->settings.token);
    free(http->origin);
    free(http->certificates);
    free(http);
    curl_global_cleanup();
}

heft_status http_get(struct http *http, const struct http_request *request,
                     struct http_reply *reply, heft_error *error)
{
    struct http_call call = {.request = *request, .reply = *reply};
    http_get_all(http, &call, 1);
    *reply = call.reply;
    if (call.status != HEFT_OK) error_set(error, call.status, "%s", call.error.message);
    return call.status;
}

void http_get_all(struct http *http, struct http_call *calls, int n)
{
    assert(n <= HTTP_MAX_CALLS);
    struct job jobs[HTTP_MAX_CALLS] = {0};
    for (int i = 0; i < n; i++) {
        jobs[i].exchange = (struct exchange){
            .settings = &http->settings, .call = &calls[i], .easy = http->easies[i]};
        begin(http, &jobs[i]);
    }
    for (int ms; (ms = wait_ms(jobs, n)) >= 0;) {
        int n_running;
        if (curl_multi_poll(http->multi, NULL, 0, ms, NULL) != CURLM_OK ||
            curl_multi_perform(http->multi, &n_running) != CURLM_OK)
            give_up(http, jobs, n);
        collect(http);
        resume(http, jobs, n);
    }
}

void http_reply_free(struct http_reply *reply)
{
    buffer_free(&reply->body);
    free(reply->next);
    *reply = (struct http_reply){0};
}

static bool copy_settings(struct http *http, const struct http_options *options)
{
    struct buffer field = {0};
    if (options->token) buffer_format(&field, "Authorization: Bearer %s", options->token);
    if (options->token && !field.failed) http->settings.token = curl_slist_append(NULL, field.data);
    buffer_free(&field);
    http->origin = strdup(options->origin);
    if (options->certificates) http->certificates = strdup(options->certificates);
    http->settings.origin = http->origin;
    http->settings.certificates = http->certificates;
    http->settings.timeout_s = options->timeout_s;
    http->n_attempts = options->n_attempts;
    http->pause_ms = options->pause_ms;
    return http->origin && (http->settings.token || !options->token) &&
           (http->certificates || !options->certificates);
}

/* ---- one job among others ---- */

static void run(struct http *http, struct job *job)
{
    curl_easy_setopt(job->exchange.easy, CURLOPT_PRIVATE, job);
    job->running = curl_multi_add_handle(http->multi, job->exchange.easy) == CURLM_OK;
    if (job->running) return;
    error_set(&job->exchange.call->error, HEFT_INTERNAL, "no memory for a connection");
    finish(http, job, EXCHANGE_FAILED);
}

static void begin(struct http *http, struct job *job)
{
    job->resume_at_ns = 0;
    if (exchange_begin(&job->exchange))
        run(http, job);
    else
        finish(http, job, EXCHANGE_FAILED);
}

static void stop(struct http *http, struct job *job)
{
    if (job->running) curl_multi_remove_handle(http->multi, job->exchange.easy);
    job->running = false;
}

static void finish(struct http *http, struct job *job, enum exchange_outcome outcome)
{
    struct http_call *call = job->exchange.call;
    int n = job->exchange.n_attempts;
    stop(http, job);
    exchange_end(&job->exchange);
    job->finished = true;
    job->resume_at_ns = 0;
    call->status = outcome == EXCHANGE_DONE ? HEFT_OK : call->error.status;
    size_t length = strlen(call->error.message);
    if (call->status != HEFT_OK && n > 1)
        snprintf(call->error.message + length, sizeof call->error.message - length,
                 " (%d attempts)", n);
}

/* Twice as long each time, and at least as long as the server wants. */
static void pause_or_finish(struct http *http, struct job *job)
{
    const struct http_request *request = &job->exchange.call->request;
    int n = job->exchange.n_attempts;
    if (n >= (request->n_attempts ? request->n_attempts : http->n_attempts)) {
        finish(http, job, EXCHANGE_FAILED);
        return;
    }
    int64_t ms = http->pause_ms, wanted_ms = exchange_wanted_pause_s(&job->exchange) * 1000;
    for (int i = 1; i < n && ms < MAX_BACKOFF_MS; i++) ms *= 2;
    if (ms < wanted_ms) ms = wanted_ms;
    job->resume_at_ns = clock_ns() + (uint64_t)ms * 1000000;
}

static void arrive(struct http *http, struct job *job, CURLcode code)
{
    stop(http, job);
    enum exchange_outcome outcome = exchange_arrive(&job->exchange, code);
    if (outcome == EXCHANGE_GOES_ON)
        run(http, job);
    else if (outcome == EXCHANGE_AGAIN)
        pause_or_finish(http, job);
    else
        finish(http, job, outcome);
}

/* ---- all of them ---- */

static void collect(struct http *http)
{
    int n_left;
    for (const CURLMsg *message; (message = curl_multi_info_read(http->multi, &n_left));) {
        char *job = NULL;
        CURLcode code = message->data.result; /* the message goes with the handle */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job);
        if (message->msg == CURLMSG_DONE && job) arrive(http, (struct job *)job, code);
    }
}

static void resume(struct http *http, struct job *jobs, int n)
{
    for (int i = 0; i < n; i++)
        if (jobs[i].resume_at_ns && jobs[i].resume_at_ns <= clock_ns()) begin(http, &jobs[i]);
}

/* Until something has to be looked at; negative when all are finished. */
static int wait_ms(const struct job *jobs, int n)
{
    int ms = -1;
    for (int i = 0; i < n; i++) {
        if (jobs[i].finished) continue;
        uint64_t now = clock_ns(), then = jobs[i].resume_at_ns;
        int own_ms = LOOK_MS;
        if (then && then < now + (uint64_t)LOOK_MS * 1000000)
            own_ms = then > now ? (int)((then - now) / 1000000) + 1 : 0;
        if (ms < 0 || own_ms < ms) ms = own_ms;
    }
    return ms;
}

static void give_up(struct http *http, struct job *jobs, int n)
{
    for (int i = 0; i < n; i++) {
        if (jobs[i].finished) continue;
        error_set(&jobs[i].exchange.call->error, HEFT_INTERNAL, "libcurl has failed");
        finish(http, &jobs[i], EXCHANGE_FAILED);
    }
}
