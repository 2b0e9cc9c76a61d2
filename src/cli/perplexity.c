/* heft perplexity: how well a model predicts a text, and how far it is from another. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/conversation.h"
#include "cli/divergence.h"
#include "cli/interrupt.h"
#include "cli/npy.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/terminal.h"

enum { TEXT_BYTES_MOST = 1 << 30, LOGIT_BYTES = 64 << 20, CONTEXT_DEFAULT = 512 };

struct perplexity {
    heft_options options;
    const char *tokens_file, *save_path, *base_path;
    int stride;
    bool json, quiet;

    heft_engine *engine;
    heft_session *session;
    heft_info info;
    int32_t *tokens; /* [n_tokens] of the text, without bos */
    int n_tokens;
    int32_t bos;  /* begins every window; -1: none */
    int n_window; /* tokens of the text in a window */

    float *logits; /* [n_rows_most, n_vocab] */
    int n_rows_most;
    struct npy_writer saved;
    struct divergence divergence; /* from the logits of --kl-base */
    double sum, sum_of_squares;   /* of the negative log-likelihoods */
    int64_t n_counted, n_rows;
};

/* The tokens [begin, end) of the text, of which those from `count_from` on count. */
struct window {
    int begin, end, count_from;
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error);
static heft_status open_all(struct perplexity *p, const char *text_path, heft_error *error);
static heft_status read_tokens(struct perplexity *p, const char *text_path, heft_error *error);
static heft_status parse_ids(struct perplexity *p, const char *text, heft_error *error);
static heft_status encode_file(struct perplexity *p, const char *path, heft_error *error);
static heft_status open_logits(struct perplexity *p, heft_error *error);
static void close_all(struct perplexity *p);
static bool next_window(const struct perplexity *p, struct window *window);
static heft_status evaluate(struct perplexity *p, heft_error *error);
static heft_status evaluate_window(struct perplexity *p, const struct window *window,
                                   heft_error *error);
static heft_status evaluate_rows(struct perplexity *p, const struct window *window,
                                 const int32_t *tokens, int first, int n, heft_error *error);
static void count(struct perplexity *p, const float *logits, int32_t next);
static heft_status report(struct perplexity *p, heft_error *error);
static json_t *number(double value);

static const struct option perplexity_options[] = {
    {"--tokens", OPTION_TEXT, offsetof(struct perplexity, tokens_file), "FILE",
     "tokens instead of a text: numbers between spaces", 0, 0, NULL},
    {"--stride --ppl-stride", OPTION_INT, offsetof(struct perplexity, stride), "N",
     "a new window every N tokens, of which only what is new counts\n(0: windows side by side)", 0,
     1 << 24, NULL},
    {"--save-logits", OPTION_TEXT, offsetof(struct perplexity, save_path), "OUT.npy",
     "write all logits, float32 [tokens, vocabulary]", 0, 0, NULL},
    {"--kl-base", OPTION_TEXT, offsetof(struct perplexity, base_path), "BASE.npy",
     "compare with logits that another run has saved", 0, 0, NULL},
    {"--json", OPTION_FLAG, offsetof(struct perplexity, json), NULL, "print JSON", 0, 0, NULL},
    {"-q --quiet", OPTION_FLAG, offsetof(struct perplexity, quiet), NULL,
     "nothing on standard error but errors", 0, 0, NULL},
};

const struct command command_perplexity = {
    .name = "perplexity",
    .usage = "[options] MODEL FILE",
    .summary = "measure how well a model predicts a text",
    .details =
        "Cuts a text into windows of -c tokens (512) and reports the perplexity, exp of the mean\n"
        "negative log-likelihood, with its standard error. Every token after the first of a "
        "window\n"
        "counts; a model that wants a bos token gets one before each window. With --tokens "
        "nothing\n"
        "is put before: the numbers are what the model sees.\n"
        "llama.cpp counts only the second half of each window: its numbers are lower.",
    .examples = "  heft perplexity model.gguf wiki.test.raw\n"
                "  heft perplexity -c 2048 --stride 512 model.gguf book.txt\n"
                "  heft perplexity --save-logits base.npy model-f16.gguf text.txt\n"
                "  heft perplexity --kl-base base.npy model-q4.gguf text.txt\n",
    .run = run,
};

static heft_status run(const struct command *self, int argc, char **argv, heft_error *error)
{
    struct perplexity p = {.options = heft_options_default()};
    p.options.n_ctx = CONTEXT_DEFAULT;
    const struct option_group groups[] = {
        OPTION_GROUP("Options", perplexity_options, &p),
        {"Model", model_options, n_model_options, &p.options},
        {"Engine", engine_options, n_engine_options, &p.options},
    };
    struct words words;
    heft_status status = command_parse(self, groups, 3, argc, argv, &words, error);
    if (status != HEFT_OK || words.help) return status;
    int n_expected = !p.options.model + !p.tokens_file;
    if (words.n_items != n_expected)
        return error_set(error, HEFT_USAGE, "perplexity needs MODEL and FILE (or --tokens FILE)");
    const char *text_path = p.tokens_file ? NULL : words.items[n_expected - 1];
    if (!p.options.model) p.options.model = words.items[0];

    status = open_all(&p, text_path, error);
    if (status == HEFT_OK) status = evaluate(&p, error);
    if (status == HEFT_OK) status = npy_finish(&p.saved, error);
    if (status == HEFT_OK) status = report(&p, error);
    close_all(&p);
    return status;
}

static heft_status open_all(struct perplexity *p, const char *text_path, heft_error *error)
{
    heft_status status = settings_model(&p->options.model, NULL, 0, error);
    if (status == HEFT_OK) status = settings_open(&p->options, p->quiet, &p->engine, error);
    if (status != HEFT_OK) return status;
    heft_engine_info(p->engine, &p->info);
    status = read_tokens(p, text_path, error);
    if (status == HEFT_OK) status = heft_session_create(p->engine, &p->session, error);
    if (status != HEFT_OK) return status;
    p->n_window = p->info.n_ctx - (p->bos >= 0);
    if (p->n_tokens < 2 || p->n_window < 2)
        return error_set(error, HEFT_USAGE, "two tokens are needed to predict one: the text has %d",
                         p->n_tokens);
    if (p->stride > p->n_window)
        return error_set(error, HEFT_USAGE, "--stride %d is more than a window of %d tokens",
                         p->stride, p->n_window);
    return open_logits(p, error);
}

static heft_status read_tokens(struct perplexity *p, const char *text_path, heft_error *error)
{
    p->bos = -1;
    if (text_path) return encode_file(p, text_path, error);
    char *text;
    size_t n_bytes;
    heft_status status = file_read(p->tokens_file, TEXT_BYTES_MOST, &text, &n_bytes, error);
    if (status != HEFT_OK) return status;
    status = parse_ids(p, text, error);
    if (status != HEFT_OK) error_prefix(error, status, p->tokens_file);
    free(text);
    return status;
}

static heft_status parse_ids(struct perplexity *p, const char *text, heft_error *error)
{
    static const char between[] = " ,\t\r\n[]";
    p->tokens = malloc((strlen(text) / 2 + 1) * sizeof *p->tokens);
    if (!p->tokens) return error_set(error, HEFT_INTERNAL, "no memory for the tokens");
    for (const char *at = text + strspn(text, between); *at; at += strspn(at, between)) {
        char *end;
        long id = strtol(at, &end, 10);
        if (end == at || id < 0 || id >= p->info.n_vocab)
            return error_set(error, HEFT_BAD_FILE,
                             "\"%.*s\" is no token of the model: they go from 0 to %d",
                             (int)strcspn(at, between), at, p->info.n_vocab - 1);
        p->tokens[p->n_tokens++] = (int32_t)id;
        at = end;
    }
    return HEFT_OK;
}

static heft_status encode_file(struct perplexity *p, const char *path, heft_error *error)
{
    char *text;
    size_t n_bytes;
    heft_status status = file_read(path, TEXT_BYTES_MOST, &text, &n_bytes, error);
    if (status != HEFT_OK) return status;
    status = encode_text(p->engine, text, n_bytes, 0, &p->tokens, &p->n_tokens, error);
    free(text);
    int32_t bos;
    if (heft_encode(p->engine, "", 0, HEFT_ADD_BOS, &bos, 1) == 1) p->bos = bos;
    return status;
}

static heft_status open_logits(struct perplexity *p, heft_error *error)
{
    size_t row_bytes = (size_t)p->info.n_vocab * sizeof *p->logits;
    size_t n_rows = LOGIT_BYTES / row_bytes;
    p->n_rows_most = n_rows > (size_t)p->info.n_batch ? p->info.n_batch : (int)n_rows;
    if (p->n_rows_most < 1) p->n_rows_most = 1;
    p->logits = malloc((size_t)p->n_rows_most * row_bytes);
    if (!p->logits) return error_set(error, HEFT_INTERNAL, "no memory for the logits");

    int64_t n_all = 0;
    for (struct window w = {0}; next_window(p, &w);) n_all += w.end - w.begin + (p->bos >= 0);
    heft_status status = HEFT_OK;
    if (p->base_path)
        status = divergence_open(&p->divergence, p->base_path, n_all, p->info.n_vocab, error);
    if (status == HEFT_OK && p->save_path)
        status = npy_create(&p->saved, p->save_path, n_all, p->info.n_vocab, error);
    return status;
}

static void close_all(struct perplexity *p)
{
    npy_finish(&p->saved, NULL);
    divergence_close(&p->divergence);
    free(p->logits);
    free(p->tokens);
    heft_engine_close(p->engine);
}

/* The first after one of zeros. Windows that share tokens with the one before count what is new. */
static bool next_window(const struct perplexity *p, struct window *window)
{
    int stride = p->stride ? p->stride : p->n_window;
    int begin = window->end == 0 ? 0 : window->begin + stride;
    if (window->end == p->n_tokens || p->n_tokens - begin < 2) return false;
    int end = p->n_tokens - begin < p->n_window ? p->n_tokens : begin + p->n_window;
    *window = (struct window){begin, end, window->end > begin ? window->end : begin};
    return true;
}

static heft_status evaluate(struct perplexity *p, heft_error *error)
{
    struct progress progress = {0};
    heft_status status = HEFT_OK;
    interrupt_begin(p->engine);
    for (struct window w = {0}; status == HEFT_OK && next_window(p, &w);) {
        progress_show(&progress, "reading the text", w.begin, p->n_tokens);
        heft_session_rewind(p->session, 0);
        status = evaluate_window(p, &w, error);
    }
    interrupt_end();
    progress_end(&progress);
    return status;
}

static heft_status evaluate_window(struct perplexity *p, const struct window *window,
                                   heft_error *error)
{
    heft_status status = HEFT_OK;
    /* bos has place -1 of the window and predicts its first token. */
    if (p->bos >= 0) status = evaluate_rows(p, window, &p->bos, window->begin - 1, 1, error);
    for (int at = window->begin; at < window->end && status == HEFT_OK; at += p->n_rows_most) {
        int n = window->end - at < p->n_rows_most ? window->end - at : p->n_rows_most;
        status = evaluate_rows(p, window, p->tokens + at, at, n, error);
    }
    return status;
}

/* `first` is the place in the text of the first of `n` tokens. */
static heft_status evaluate_rows(struct perplexity *p, const struct window *window,
                                 const int32_t *tokens, int first, int n, heft_error *error)
{
    heft_work work = {p->session, tokens, n, p->logits, n};
    heft_status status = heft_step(p->engine, &work, 1, error);
    if (status == HEFT_OK && p->save_path) status = npy_write(&p->saved, p->logits, n, error);
    if (status != HEFT_OK) return status;
    for (int i = 0; i < n; i++) {
        const float *logits = p->logits + (size_t)i * (size_t)p->info.n_vocab;
        int next = first + i + 1;
        if (p->base_path) divergence_add(&p->divergence, p->n_rows, logits);
        p->n_rows++;
        if (next < window->end && next >= window->count_from) count(p, logits, p->tokens[next]);
    }
    return HEFT_OK;
}

static void count(struct perplexity *p, const float *logits, int32_t next)
{
    double loss = (double)heft_logprobs(logits, p->info.n_vocab, 0, NULL, NULL) - logits[next];
    p->sum += loss;
    p->sum_of_squares += loss * loss;
    p->n_counted++;
}

static heft_status report(struct perplexity *p, heft_error *error)
{
    double n = (double)p->n_counted, mean = p->sum / n;
    double variance = n > 1 ? fmax(0, p->sum_of_squares - n * mean * mean) / (n - 1) : 0;
    double perplexity = exp(mean), deviation = perplexity * sqrt(variance / n);
    struct divergence_summary kl = {0};
    if (p->base_path) kl = divergence_summarise(&p->divergence);
    if (p->json) {
        json_t *object =
            json_pack("{s:o, s:o, s:o, s:I, s:i}", "perplexity", number(perplexity),
                      "standard_error", number(deviation), "mean_negative_log_likelihood",
                      number(mean), "n_counted", (json_int_t)p->n_counted, "n_ctx", p->info.n_ctx);
        if (p->base_path)
            json_object_set_new(object, "kl_divergence",
                                json_pack("{s:o, s:o, s:o, s:o, s:o}", "mean", number(kl.mean),
                                          "median", number(kl.median), "p99", number(kl.p99), "max",
                                          number(kl.most), "same_top_token", number(kl.same_top)));
        return output_json(object, error);
    }
    printf("perplexity %.4f ± %.4f over %" PRId64 " tokens, windows of %d\n", perplexity, deviation,
           p->n_counted, p->info.n_ctx);
    if (p->base_path)
        printf("KL divergence from the base: mean %.4g, median %.4g, 99 %% %.4g, max %.4g\n"
               "same likeliest token: %.3f %%\n",
               kl.mean, kl.median, kl.p99, kl.most, 100 * kl.same_top);
    return HEFT_OK;
}

/* JSON has no word for what exceeds the numbers, as exp of a large mean does. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}
