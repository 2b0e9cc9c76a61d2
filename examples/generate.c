/* Asks a model one thing and prints the answer as it comes:
 *     generate MODEL.gguf "Why is the sky blue?"
 * A model without a chat template gets the bare prompt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heft.h"

static void check(heft_status status, const char *message)
{
    if (status == HEFT_OK) return;
    fprintf(stderr, "generate: %s\n", message);
    exit((int)status);
}

static void *reserve(size_t n, size_t bytes_each)
{
    void *memory = calloc(n, bytes_each);
    check(memory ? HEFT_OK : HEFT_INTERNAL, "no memory");
    return memory;
}

/* A conversation is JSON; the model's template makes of it what the model was trained on. */
static int encode_chat(const heft_engine *engine, const char *prompt, int32_t **tokens)
{
    char *json = reserve(6 * strlen(prompt) + 64, 1);
    char *end = json + sprintf(json, "[{\"role\": \"user\", \"content\": \"");
    for (; *prompt; prompt++) {
        bool escape = (unsigned char)*prompt < ' ' || *prompt == '"' || *prompt == '\\';
        end += sprintf(end, escape ? "\\u%04x" : "%c", *prompt);
    }
    sprintf(end, "\"}]");
    heft_chat chat = {.messages_json = json, .add_generation_prompt = true};
    heft_error error;
    int n;
    check(heft_chat_encode(engine, &chat, tokens, &n, &error), error.message);
    free(json);
    return n;
}

static int encode_bare(const heft_engine *engine, const char *prompt, int32_t **tokens)
{
    int n = heft_encode(engine, prompt, strlen(prompt), HEFT_ADD_SPECIAL, NULL, 0);
    check(n > 0 ? HEFT_OK : HEFT_USAGE, "the prompt has no tokens");
    *tokens = reserve((size_t)n, sizeof **tokens);
    return heft_encode(engine, prompt, strlen(prompt), HEFT_ADD_SPECIAL, *tokens, n);
}

static void print(const heft_engine *engine, heft_stream *stream, int32_t token)
{
    char piece[1024];
    fwrite(piece, 1, (size_t)heft_stream_push(engine, stream, token, piece, sizeof piece), stdout);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    heft_engine *engine;
    heft_session *session;
    heft_sampler *sampler;
    heft_info info;
    heft_error error;
    heft_options options = heft_options_default();
    heft_sampling sampling = heft_sampling_default();
    sampling.temperature = 0; /* the likeliest token each time */
    check(argc == 3 ? HEFT_OK : HEFT_USAGE, "usage: generate MODEL.gguf PROMPT");
    options.model = argv[1];
    check(heft_engine_open(&options, &engine, &error), error.message);
    check(heft_session_create(engine, &session, &error), error.message);
    check(heft_sampler_create(engine, &sampling, &sampler, &error), error.message);
    heft_engine_info(engine, &info);

    int32_t *tokens, token;
    int n = info.chat_template ? encode_chat(engine, argv[2], &tokens)
                               : encode_bare(engine, argv[2], &tokens);
    check(n <= info.n_ctx ? HEFT_OK : HEFT_USAGE, "the prompt is longer than the context");
    float *logits = reserve((size_t)info.n_vocab, sizeof *logits);
    heft_stream stream = {0};
    heft_work work = {session, tokens, n, logits, 1};
    for (;;) {
        check(heft_step(engine, &work, 1, &error), error.message);
        token = heft_sampler_pick(sampler, logits);
        if (heft_is_end(engine, token)) break;
        print(engine, &stream, token);
        if (heft_session_length(session) == info.n_ctx) break;
        work.tokens = &token;
        work.n_tokens = 1;
    }
    print(engine, &stream, -1); /* half a character, if the answer ends in one */
    putchar('\n');
    heft_sampler_free(sampler);
    heft_engine_close(engine); /* and its sessions */
    free(logits);
    heft_free(tokens);
}
