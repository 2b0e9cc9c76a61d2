/* The bundled model answers every question of models/demo/questions.json as it was taught to,
 * greedily, in every phrasing; several conversations are answered in the same steps. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "heft.h"

enum { AT_ONCE = 16, MAX_TOKENS = 768 };

/* One conversation on its way. */
struct seat {
    heft_session *session;
    const char *wanted, *question;
    struct buffer answer;
    heft_stream stream;
    int32_t tokens[MAX_TOKENS];
    int n_tokens;
    float *logits;
    bool busy;
};

struct hall {
    heft_engine *engine;
    heft_sampler *greedy;
    heft_info info;
    struct seat seats[AT_ONCE];
    int n_right, n_wrong;
};

static void hall_open(struct hall *hall)
{
    heft_error error = {0};
    heft_options options = heft_options_default();
    options.model = "models/demo/demo.gguf";
    options.n_sessions = AT_ONCE;
    options.n_ctx = MAX_TOKENS;
    if (heft_engine_open(&options, &hall->engine, &error) != HEFT_OK) fail_msg("%s", error.message);
    heft_sampling sampling = heft_sampling_default();
    sampling.temperature = 0;
    assert_int_equal(heft_sampler_create(hall->engine, &sampling, &hall->greedy, &error), HEFT_OK);
    heft_engine_info(hall->engine, &hall->info);
    for (int i = 0; i < AT_ONCE; i++) {
        assert_int_equal(heft_session_create(hall->engine, &hall->seats[i].session, &error),
                         HEFT_OK);
        hall->seats[i].logits = malloc((size_t)hall->info.n_vocab * sizeof(float));
    }
}

static void hall_close(struct hall *hall)
{
    for (int i = 0; i < AT_ONCE; i++) {
        buffer_free(&hall->seats[i].answer);
        free(hall->seats[i].logits);
    }
    heft_sampler_free(hall->greedy);
    heft_engine_close(hall->engine);
}

static void seat_take(struct hall *hall, struct seat *seat, json_t *messages, const char *wanted)
{
    heft_error error = {0};
    char *text = json_dumps(messages, 0);
    int32_t *prompt;
    heft_chat chat = {.messages_json = text, .add_generation_prompt = true};
    if (heft_chat_encode(hall->engine, &chat, &prompt, &seat->n_tokens, &error) != HEFT_OK)
        fail_msg("%s", error.message);
    assert_in_range(seat->n_tokens, 1, MAX_TOKENS);
    memcpy(seat->tokens, prompt, (size_t)seat->n_tokens * sizeof *prompt);
    heft_session_rewind(seat->session, 0);
    buffer_clear(&seat->answer);
    seat->stream = (heft_stream){0};
    seat->wanted = wanted;
    seat->question = json_string_value(
        json_object_get(json_array_get(messages, json_array_size(messages) - 1), "content"));
    seat->busy = true;
    heft_free(prompt);
    free(text);
}

/* One step for everybody who is busy. */
static int hall_step(struct hall *hall)
{
    heft_work work[AT_ONCE];
    int n = 0;
    for (int i = 0; i < AT_ONCE; i++) {
        struct seat *seat = &hall->seats[i];
        if (seat->busy)
            work[n++] = (heft_work){seat->session, seat->tokens, seat->n_tokens, seat->logits, 1};
    }
    heft_error error = {0};
    if (n && heft_step(hall->engine, work, n, &error) != HEFT_OK) fail_msg("%s", error.message);
    return n;
}

static void seat_advance(struct hall *hall, struct seat *seat)
{
    char piece[1024];
    int32_t token = heft_sampler_pick(hall->greedy, seat->logits);
    bool ended = heft_is_end(hall->engine, token);
    int n = heft_stream_push(hall->engine, &seat->stream, ended ? -1 : token, piece, sizeof piece);
    buffer_append(&seat->answer, piece, (size_t)n);
    seat->tokens[0] = token;
    seat->n_tokens = 1;
    if (!ended && strlen(seat->wanted) + 64 > seat->answer.n_bytes) return;
    seat->busy = false;
    if (strcmp(seat->answer.data, seat->wanted) == 0) {
        hall->n_right++;
        return;
    }
    hall->n_wrong++;
    print_message("%s\n  wanted: %s\n  found:  %s\n", seat->question, seat->wanted,
                  seat->answer.data);
}

static bool hall_work(struct hall *hall)
{
    bool any = hall_step(hall) > 0;
    for (int i = 0; i < AT_ONCE; i++)
        if (hall->seats[i].busy) seat_advance(hall, &hall->seats[i]);
    return any;
}

static struct seat *seat_wait(struct hall *hall)
{
    for (;;) {
        for (int i = 0; i < AT_ONCE; i++)
            if (!hall->seats[i].busy) return &hall->seats[i];
        hall_work(hall);
    }
}

static void test_every_phrasing(void **state)
{
    (void)state;
    json_error_t problem;
    json_t *questions = json_load_file("models/demo/questions.json", 0, &problem);
    assert_non_null(questions);
    assert_true(json_array_size(questions) >= 40);
    struct hall *hall = calloc(1, sizeof *hall);
    hall_open(hall);
    json_t *asked = json_array(), *question, *phrasing;
    size_t i, j;
    json_array_foreach(questions, i, question)
    {
        const char *wanted = json_string_value(json_object_get(question, "answer"));
        json_t *messages = json_object_get(question, "messages");
        if (messages) seat_take(hall, seat_wait(hall), messages, wanted);
        json_array_foreach(json_object_get(question, "phrasings"), j, phrasing)
        {
            json_t *one = json_pack("[{s:s, s:O}]", "role", "user", "content", phrasing);
            json_array_append_new(asked, one);
            seat_take(hall, seat_wait(hall), one, wanted);
        }
    }
    while (hall_work(hall)) continue;
    print_message("%d right, %d wrong\n", hall->n_right, hall->n_wrong);
    int n_wrong = hall->n_wrong;
    hall_close(hall);
    free(hall);
    json_decref(asked);
    json_decref(questions);
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_phrasing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
