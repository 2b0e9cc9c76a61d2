#include "cli/answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/stops.h"
#include "cli/terminal.h"

enum { PIECE_BYTES = 1024, LOGPROBS_MOST = 100 };

/* What lives as long as one answer is made. */
struct state {
    const struct answer_request *request;
    struct answer *answer;
    heft_info info;
    struct stops stops;
    struct buffer text; /* decoded, and no part of a stop text */
    float *logits;      /* [n_vocab] */
    float *before; /* [n_vocab] the logits before the sampler changed them; NULL without logprobs */
    int32_t *ends; /* [n_ends] tokens that end a turn, if they are to be ignored */
    int n_ends;
};

static heft_status prepare(struct state *state, heft_error *error);
static void release(struct state *state);
static heft_status read_prompt(struct state *state, heft_error *error);
static heft_status step(struct state *state, const int32_t *tokens, int n_tokens, bool last,
                        heft_error *error);
static heft_status generate(struct state *state, heft_error *error);
static int32_t pick(struct state *state);
static heft_status take(struct state *state, int32_t token, bool *stopped, heft_error *error);
static bool push_hidden(struct state *state, int32_t token);
static heft_status add_logprobs(struct state *state, int32_t token, heft_error *error);
static json_t *logprob(const struct state *state, int32_t token, float value);
static heft_status finish_text(struct state *state, heft_error *error);
static heft_status pass_text(struct state *state, heft_error *error);
static double seconds_since(uint64_t start_ns);

heft_status answer_run(const struct answer_request *request, struct answer *answer,
                       heft_error *error)
{
    *answer = (struct answer){0};
    struct state state = {.request = request, .answer = answer, .stops.list = request->stops};
    heft_status status = prepare(&state, error);
    if (status == HEFT_OK) {
        interrupt_begin(request->engine);
        status = read_prompt(&state, error);
        if (status == HEFT_OK) status = generate(&state, error);
        if (status == HEFT_CANCELLED) {
            answer->end = ANSWER_CANCELLED;
            status = HEFT_OK;
        }
        if (status == HEFT_OK) status = finish_text(&state, error);
        interrupt_end();
    }
    release(&state);
    return status;
}

void answer_free(struct answer *answer)
{
    reply_close(&answer->reply);
    free(answer->tokens);
    json_decref(answer->logprobs);
    *answer = (struct answer){0};
}

const char *answer_end_name(enum answer_end end)
{
    static const char *const names[] = {"stop", "stop", "length", "context", "cancelled"};
    return names[end];
}

void answer_print_speed(const struct answer *answer)
{
    fprintf(stderr, "prompt %d tokens, %.1f tok/s · answer %d tokens, %.1f tok/s\n",
            answer->n_prompt, answer_rate(answer->n_prompt, answer->prompt_seconds),
            answer->n_tokens, answer_rate(answer->n_steps, answer->step_seconds));
}

double answer_rate(int n_tokens, double seconds)
{
    return seconds > 0 ? n_tokens / seconds : 0;
}

static heft_status prepare(struct state *state, heft_error *error)
{
    const struct answer_request *request = state->request;
    heft_engine_info(request->engine, &state->info);
    if (request->n_tokens == 0) return error_set(error, HEFT_USAGE, "the prompt has no tokens");
    if (request->n_tokens > state->info.n_ctx)
        return error_set(error, HEFT_USAGE,
                         "the prompt has %d tokens, but the context holds %d: use a larger -c",
                         request->n_tokens, state->info.n_ctx);
    size_t n_vocab = (size_t)state->info.n_vocab;
    state->logits = malloc(n_vocab * sizeof *state->logits);
    state->ends = malloc(n_vocab * sizeof *state->ends);
    state->answer->tokens = malloc((size_t)state->info.n_ctx * sizeof *state->answer->tokens);
    if (request->n_logprobs >= 0) {
        state->before = malloc(n_vocab * sizeof *state->before);
        state->answer->logprobs = json_array();
    }
    bool logprobs_there = request->n_logprobs < 0 || (state->before && state->answer->logprobs);
    if (!state->logits || !state->ends || !state->answer->tokens || !logprobs_there)
        return error_set(error, HEFT_INTERNAL, "no memory for the logits");
    for (int32_t i = 0; request->ignore_end && i < state->info.n_vocab; i++)
        if (heft_is_end(request->engine, i)) state->ends[state->n_ends++] = i;
    state->answer->reply = (struct reply){.stream = request->stream, .thoughts = request->thoughts};
    heft_reading reading = {.prompt = request->tokens,
                            .n_prompt = request->n_tokens,
                            .tools_json = request->tools,
                            .dialect = request->dialect,
                            .continues = request->continues};
    return reply_open(&state->answer->reply, request->engine, &reading, error);
}

static void release(struct state *state)
{
    stops_free(&state->stops);
    buffer_free(&state->text);
    free(state->logits);
    free(state->before);
    free(state->ends);
}

static heft_status read_prompt(struct state *state, heft_error *error)
{
    const struct answer_request *request = state->request;
    int n = request->n_tokens;
    int at = heft_session_common(request->session, request->tokens, n);
    if (at == n) at--; /* the last token is computed again for its logits */
    heft_session_rewind(request->session, at);
    state->answer->n_reused = at;
    for (int i = at; i < n; i++) heft_sampler_accept(request->sampler, request->tokens[i]);

    struct progress progress = {0};
    uint64_t start = clock_ns();
    heft_status status = HEFT_OK;
    while (at < n && status == HEFT_OK) {
        progress_show(&progress, "reading the prompt", at - state->answer->n_reused,
                      n - state->answer->n_reused);
        int n_chunk = n - at < state->info.n_batch ? n - at : state->info.n_batch;
        status = step(state, request->tokens + at, n_chunk, at + n_chunk == n, error);
        if (status == HEFT_OK) at += n_chunk;
    }
    progress_end(&progress);
    state->answer->n_prompt = at - state->answer->n_reused;
    state->answer->prompt_seconds = seconds_since(start);
    return status;
}

static heft_status step(struct state *state, const int32_t *tokens, int n_tokens, bool last,
                        heft_error *error)
{
    heft_work work = {
        .session = state->request->session,
        .tokens = tokens,
        .n_tokens = n_tokens,
        .logits = last ? state->logits : NULL,
        .n_logits = last,
    };
    return heft_step(state->request->engine, &work, 1, error);
}

static heft_status generate(struct state *state, heft_error *error)
{
    const struct answer_request *request = state->request;
    struct answer *answer = state->answer;
    uint64_t start = clock_ns();
    heft_status status = HEFT_OK;
    for (;;) {
        bool enough = request->n_predict >= 0 && answer->n_tokens >= request->n_predict;
        answer->end = ANSWER_LENGTH;
        if (enough) break;
        int32_t token = pick(state);
        answer->end = ANSWER_END;
        if (heft_is_end(request->engine, token)) break;
        bool stopped = false;
        status = take(state, token, &stopped, error);
        answer->end = ANSWER_STOP_TEXT;
        if (status != HEFT_OK || stopped) break;
        answer->end = ANSWER_CONTEXT;
        if (heft_session_length(request->session) >= state->info.n_ctx) break;
        status = step(state, &token, 1, true, error);
        if (status != HEFT_OK) break;
        answer->n_steps++;
    }
    answer->step_seconds = seconds_since(start);
    return status;
}

static int32_t pick(struct state *state)
{
    for (int i = 0; i < state->n_ends; i++) state->logits[state->ends[i]] = -INFINITY;
    if (state->before)
        memcpy(state->before, state->logits, (size_t)state->info.n_vocab * sizeof *state->before);
    return heft_sampler_pick(state->request->sampler, state->logits);
}

static heft_status take(struct state *state, int32_t token, bool *stopped, heft_error *error)
{
    char piece[PIECE_BYTES];
    state->answer->tokens[state->answer->n_tokens++] = token;
    int n = heft_reader_decode(state->answer->reply.reader, token, piece, sizeof piece);
    *stopped = stops_push(&state->stops, piece, (size_t)n, false, &state->text);
    if (!*stopped) *stopped = push_hidden(state, token);
    heft_status status = pass_text(state, error);
    if (status != HEFT_OK || !state->before) return status;
    return add_logprobs(state, token, error);
}

/* A control token that is not shown may be a stop text, or part of one. */
static bool push_hidden(struct state *state, int32_t token)
{
    char piece[PIECE_BYTES];
    const struct answer_request *request = state->request;
    if (heft_reader_shows(state->answer->reply.reader, token)) return false;
    int n = heft_decode(request->engine, token, true, piece, sizeof piece);
    if (n > PIECE_BYTES) n = PIECE_BYTES;
    return stops_push(&state->stops, piece, (size_t)n, true, &state->text);
}

static heft_status add_logprobs(struct state *state, int32_t token, heft_error *error)
{
    int32_t tokens[LOGPROBS_MOST];
    float values[LOGPROBS_MOST];
    int n = state->request->n_logprobs < LOGPROBS_MOST ? state->request->n_logprobs : LOGPROBS_MOST;
    float normaliser = heft_logprobs(state->before, state->info.n_vocab, n, tokens, values);
    json_t *entry = logprob(state, token, state->before[token] - normaliser);
    json_t *top = json_array();
    int failed = !entry || !top;
    for (int i = 0; i < n && tokens[i] >= 0; i++)
        failed |= json_array_append_new(top, logprob(state, tokens[i], values[i]));
    failed |= json_object_set_new(entry, "top", top);
    failed |= json_array_append(state->answer->logprobs, entry);
    json_decref(entry);
    return failed ? error_set(error, HEFT_INTERNAL, "no memory for the log-probabilities")
                  : HEFT_OK;
}

/* JSON has no infinity: the logarithm of 0 is null. */
static json_t *logprob(const struct state *state, int32_t token, float value)
{
    char piece[PIECE_BYTES];
    int n = heft_decode(state->request->engine, token, true, piece, sizeof piece);
    if (n > PIECE_BYTES) n = PIECE_BYTES;
    json_t *number = isfinite(value) ? json_real((double)value) : json_null();
    return json_pack("{s:i, s:o, s:o}", "token", (int)token, "text", output_text(piece, (size_t)n),
                     "logprob", number);
}

static heft_status finish_text(struct state *state, heft_error *error)
{
    char piece[PIECE_BYTES];
    struct reply *reply = &state->answer->reply;
    if (state->answer->end != ANSWER_STOP_TEXT) {
        int n = heft_reader_decode(reply->reader, -1, piece, sizeof piece);
        stops_push(&state->stops, piece, (size_t)n, false, &state->text);
        stops_flush(&state->stops, &state->text);
    }
    heft_status status = pass_text(state, error);
    return status == HEFT_OK ? reply_finish(reply, error) : status;
}

static heft_status pass_text(struct state *state, heft_error *error)
{
    struct buffer *text = &state->text;
    if (text->failed) return error_set(error, HEFT_INTERNAL, "no memory for the answer");
    heft_status status = reply_push(&state->answer->reply, text->data, text->n_bytes, error);
    buffer_clear(text);
    return status;
}

static double seconds_since(uint64_t start_ns)
{
    return (double)(clock_ns() - start_ns) * 1e-9;
}
