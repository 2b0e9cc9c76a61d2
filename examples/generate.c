/* Asks a chat model one thing and prints the answer as it comes:
 *     generate MODEL.gguf "Why is the sky blue?" */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "heft.h"

static void check(heft_status status, const char *message)
{
    if (status == HEFT_OK) return;
    fprintf(stderr, "generate: %s\n", message);
    exit((int)status);
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

    /* A conversation is JSON; the model's template makes of it what the model was trained on. */
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", argv[2]);
    heft_chat chat = {.messages_json = json_dumps(messages, 0), .add_generation_prompt = true};
    int32_t *prompt, token;
    int n_prompt;
    check(heft_chat_encode(engine, &chat, &prompt, &n_prompt, &error), error.message);

    float *logits = calloc((size_t)info.n_vocab, sizeof *logits);
    check(logits ? HEFT_OK : HEFT_INTERNAL, "no memory");
    heft_work work = {session, prompt, n_prompt, logits, 1};
    heft_stream stream = {0};
    char text[1024];
    while (heft_session_length(session) < info.n_ctx) {
        check(heft_step(engine, &work, 1, &error), error.message);
        token = heft_sampler_pick(sampler, logits);
        if (heft_is_end(engine, token)) break;
        int n_bytes = heft_stream_push(engine, &stream, token, text, sizeof text);
        fwrite(text, 1, (size_t)n_bytes, stdout);
        fflush(stdout);
        work.tokens = &token;
        work.n_tokens = 1;
    }
    heft_stream_push(engine, &stream, -1, text, sizeof text); /* half a character at the end */
    puts(text);
    heft_sampler_free(sampler);
    heft_engine_close(engine); /* and its session */
    free(logits);
    heft_free(prompt);
    free((char *)chat.messages_json);
    json_decref(messages);
}
