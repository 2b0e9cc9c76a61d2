#include "cli/line_input.h"

#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "cli/terminal.h"

enum { HISTORY_LINES = 1000 };

struct line_input {
    EditLine *editor; /* NULL: standard input is no terminal */
    History *history;
    char history_path[PATH_MAX];
    const char *prompt;
    char *line; /* of getline */
    size_t line_capacity;
    struct buffer message;
};

static heft_status open_editor(struct line_input *input, heft_error *error);
static const char *prompt_of(EditLine *editor);
static void find_history(char *path, size_t n_path);
static void make_folders(char *path);
static enum line_result read_line(struct line_input *input, const char **line, size_t *n_bytes);
static enum line_result read_edited(struct line_input *input, const char **line, int *n_bytes);
static enum line_result read_more(struct line_input *input);
static enum line_result read_fenced(struct line_input *input, const char *line, size_t n);
static enum line_result read_next(struct line_input *input, const char **line, size_t *n_bytes);
static void remember(struct line_input *input);

static const char fence[] = "\"\"\"";
enum { FENCE_BYTES = sizeof fence - 1 };

heft_status line_input_open(struct line_input **out, heft_error *error)
{
    struct line_input *input = calloc(1, sizeof *input);
    if (!input) return error_set(error, HEFT_INTERNAL, "no memory for the line input");
    heft_status status = HEFT_OK;
    if (terminal_is(STDIN_FILENO) && terminal_is(STDOUT_FILENO)) status = open_editor(input, error);
    if (status != HEFT_OK) {
        line_input_close(input);
        return status;
    }
    *out = input;
    return HEFT_OK;
}

void line_input_close(struct line_input *input)
{
    if (!input) return;
    HistEvent event;
    if (input->history) {
        if (input->history_path[0]) history(input->history, &event, H_SAVE, input->history_path);
        history_end(input->history);
    }
    if (input->editor) el_end(input->editor);
    free(input->line);
    buffer_free(&input->message);
    free(input);
}

bool line_input_is_terminal(const struct line_input *input)
{
    return input->editor != NULL;
}

enum line_result line_input_read(struct line_input *input, const char **text, size_t *n_bytes)
{
    buffer_clear(&input->message);
    input->prompt = "> ";
    enum line_result result = read_more(input);
    if (result != LINE_TEXT) return result;
    remember(input);
    *text = input->message.data ? input->message.data : "";
    *n_bytes = input->message.n_bytes;
    return LINE_TEXT;
}

static heft_status open_editor(struct line_input *input, heft_error *error)
{
    HistEvent event;
    input->editor = el_init("heft", stdin, stdout, stderr);
    input->history = history_init();
    if (!input->editor || !input->history)
        return error_set(error, HEFT_INTERNAL, "the line editor cannot be started");
    history(input->history, &event, H_SETSIZE, HISTORY_LINES);
    history(input->history, &event, H_SETUNIQUE, 1);
    find_history(input->history_path, sizeof input->history_path);
    if (input->history_path[0]) history(input->history, &event, H_LOAD, input->history_path);
    el_set(input->editor, EL_CLIENTDATA, input);
    el_set(input->editor, EL_PROMPT, prompt_of);
    el_set(input->editor, EL_EDITOR, "emacs");
    el_set(input->editor, EL_SIGNAL, 1);
    el_set(input->editor, EL_HIST, history, input->history);
    el_set(input->editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(input->editor, NULL);
    return HEFT_OK;
}

static const char *prompt_of(EditLine *editor)
{
    struct line_input *input;
    el_get(editor, EL_CLIENTDATA, &input);
    return input->prompt;
}

/* "" if there is no home to keep it in. */
static void find_history(char *path, size_t n_path)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n = -1;
    if (state && state[0] == '/')
        n = snprintf(path, n_path, "%s/heft/history", state);
    else if (home && home[0] == '/')
        n = snprintf(path, n_path, "%s/.local/state/heft/history", home);
    if (n < 0 || (size_t)n >= n_path)
        path[0] = 0;
    else
        make_folders(path);
}

/* Those above the file; where that fails the history is not saved, which is no reason to stop. */
static void make_folders(char *path)
{
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
}

/* Without its line end. */
static enum line_result read_line(struct line_input *input, const char **line, size_t *n_bytes)
{
    enum line_result result = LINE_TEXT;
    int n_edited = 0;
    ssize_t n;
    if (input->editor) {
        result = read_edited(input, line, &n_edited);
        n = n_edited;
    } else {
        n = getline(&input->line, &input->line_capacity, stdin);
        *line = input->line;
        if (n < 0) result = LINE_END;
    }
    if (result == LINE_TEXT && n > 0 && (*line)[n - 1] == '\n') n--;
    *n_bytes = n > 0 ? (size_t)n : 0;
    return result;
}

static void on_interrupt(int number)
{
    (void)number; /* only makes the read of the editor return */
}

static enum line_result read_edited(struct line_input *input, const char **line, int *n_bytes)
{
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &before);
    errno = 0;
    *line = el_gets(input->editor, n_bytes);
    bool was_interrupted = !*line && errno == EINTR;
    sigaction(SIGINT, &before, NULL);
    if (*line) return LINE_TEXT;
    putchar('\n');
    if (was_interrupted) el_reset(input->editor);
    return was_interrupted ? LINE_INTERRUPTED : LINE_END;
}

/* Appends lines to the message until it is complete. */
static enum line_result read_more(struct line_input *input)
{
    const char *line;
    size_t n;
    enum line_result result = read_line(input, &line, &n);
    if (result != LINE_TEXT) return result;
    if (n >= FENCE_BYTES && memcmp(line, fence, FENCE_BYTES) == 0)
        return read_fenced(input, line + FENCE_BYTES, n - FENCE_BYTES);
    while (n > 0 && line[n - 1] == '\\') {
        buffer_append(&input->message, line, n - 1);
        buffer_text(&input->message, "\n");
        result = read_next(input, &line, &n);
        if (result != LINE_TEXT) return result;
    }
    buffer_append(&input->message, line, n);
    return LINE_TEXT;
}

/* The line ends beside the fences are no part of the message. */
static enum line_result read_fenced(struct line_input *input, const char *line, size_t n)
{
    bool first = true;
    for (;;) {
        bool closed = n >= FENCE_BYTES && memcmp(line + n - FENCE_BYTES, fence, FENCE_BYTES) == 0;
        if (closed) n -= FENCE_BYTES;
        bool alone = n == 0 && (first || closed);
        if (!alone && input->message.n_bytes > 0) buffer_text(&input->message, "\n");
        buffer_append(&input->message, line, n);
        if (closed) return LINE_TEXT;
        first = false;
        enum line_result result = read_next(input, &line, &n);
        if (result != LINE_TEXT) return result;
    }
}

/* A further line; a message that is not finished at the end of the input is dropped. */
static enum line_result read_next(struct line_input *input, const char **line, size_t *n_bytes)
{
    input->prompt = ". ";
    return read_line(input, line, n_bytes);
}

static void remember(struct line_input *input)
{
    HistEvent event;
    if (input->history && input->message.n_bytes > 0)
        history(input->history, &event, H_ENTER, input->message.data);
}
