/* The library exports the names of heft.h alone, so a program may call its own functions as it
 * likes, even as the library calls some of its. Prints the first word of an answer:
 *     own_names MODEL.gguf */
#include <stdio.h>
#include <stdlib.h>

#include "heft.h"

#define OWN(name)                                                                                  \
    void name(void);                                                                               \
    void name(void)                                                                                \
    {                                                                                              \
        fputs("the library called " #name "\n", stderr);                                           \
        exit(HEFT_INTERNAL);                                                                       \
    }

OWN(emit)
OWN(encode)
OWN(clock_ns)
OWN(file_read)
OWN(list_create)

int main(int argc, char **argv)
{
    heft_engine *engine;
    heft_session *session;
    heft_info info;
    heft_error error;
    heft_chat chat = {"[{\"role\": \"user\", \"content\": \"hello\"}]", NULL, NULL, true};
    heft_options options = heft_options_default();
    int32_t *prompt;
    int n_prompt;
    if (argc != 2) return HEFT_USAGE;
    options.model = argv[1];
    if (heft_engine_open(&options, &engine, &error) != HEFT_OK) return (int)error.status;
    if (heft_session_create(engine, &session, &error) != HEFT_OK) return (int)error.status;
    if (heft_chat_encode(engine, &chat, &prompt, &n_prompt, &error) != HEFT_OK)
        return (int)error.status;
    heft_engine_info(engine, &info);

    float *logits = calloc((size_t)info.n_vocab, sizeof *logits), logprob;
    heft_work work = {session, prompt, n_prompt, logits, 1};
    if (!logits || heft_step(engine, &work, 1, &error) != HEFT_OK) return HEFT_INTERNAL;
    int32_t token;
    char text[1024];
    heft_logprobs(logits, info.n_vocab, 1, &token, &logprob);
    int n_bytes = heft_decode(engine, token, false, text, sizeof text);
    printf("%.*s\n", n_bytes, text);
    heft_engine_close(engine);
    heft_free(prompt);
    free(logits);
}
