#include "cli/plan_bars.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/plan_print.h"
#include "cli/terminal.h"

enum shade {
    SHADE_ATTENTION,
    SHADE_FEED_FORWARD,
    SHADE_EXPERTS,
    SHADE_OTHER,
    SHADE_CACHE,
    SHADE_SCRATCH,
    SHADE_FREE,
    SHADE_RESERVE,
    SHADE_LIMIT,
    SHADE_CUT
};

struct span {
    enum shade shade;
    const char *label;
    double n_bytes;
    int n_columns;
};

enum { INDENT = 2, SPANS_MOST = 8, NARROWEST = 40, BAR_WIDEST = 120 };

/* The mark of the limit is at column `limit`; what `is_over` goes on behind it. */
struct bar {
    struct span spans[SPANS_MOST];
    int n_spans, n_columns, limit;
    bool is_over, is_cut;
    const char *tint; /* of weights; NULL: each shade has its own */
};

static struct bar bar_of(const struct plan *plan, int n_columns);
static struct bar cell_bar_of(const struct plan *plan, int n_columns);
static void add_span(struct bar *bar, enum shade shade, const char *label, double n_bytes);
static void share_columns(struct bar *bar, double all);
static void set_limit(struct bar *bar, const struct plan *plan, double all);
static void draw(const struct bar *bar, const struct bar_style *style);
static void print_glyph(enum shade shade, const char *color, const char **now,
                        const struct bar_style *style);
static void print_legend(int *column, enum shade shade, const char *text,
                         const struct bar_style *style);
static bool locale_is_utf8(void);

#define RED    "31"
#define YELLOW "33"
#define GREEN  "32"

/* The shades differ without colours too. */
static const struct {
    const char *block, *letter, *color;
} looks[] = {
    [SHADE_ATTENTION] = {"▒", "=", "36"}, [SHADE_FEED_FORWARD] = {"▓", "%", "94"},
    [SHADE_EXPERTS] = {"█", "#", "34"},   [SHADE_OTHER] = {"▞", "@", "35"},
    [SHADE_CACHE] = {"▄", "+", GREEN},    [SHADE_SCRATCH] = {"▂", "-", YELLOW},
    [SHADE_FREE] = {"·", ".", "2"},       [SHADE_RESERVE] = {"░", ":", "2"},
    [SHADE_LIMIT] = {"│", "|", "1"},      [SHADE_CUT] = {">", ">", RED},
};

struct bar_style bar_style_here(void)
{
    const char *refused = getenv("NO_COLOR"), *terminal = getenv("TERM");
    bool dumb = terminal && strcmp(terminal, "dumb") == 0;
    int width = terminal_width();
    return (struct bar_style){
        .width = width < NARROWEST ? NARROWEST : width,
        .colors = terminal_is(STDOUT_FILENO) && !dumb && !(refused && refused[0]),
        .blocks = locale_is_utf8(),
    };
}

void plan_print_bar(const struct plan *plan, const struct bar_style *style)
{
    char size[24], text[64];
    int room = style->width - INDENT, column = 0;
    struct bar bar = bar_of(plan, room < BAR_WIDEST ? room : BAR_WIDEST);
    printf("%*s", INDENT, "");
    draw(&bar, style);
    printf("\n");
    for (int i = 0; i < bar.n_spans; i++) {
        const struct span *span = &bar.spans[i];
        snprintf(text, sizeof text, "%s %s", span->label, plan_gigabytes(size, span->n_bytes));
        if (span->n_bytes > 0) print_legend(&column, span->shade, text, style);
    }
    snprintf(text, sizeof text, "limit %s", plan_gigabytes(size, (double)plan->memory.usable));
    print_legend(&column, SHADE_LIMIT, text, style);
    printf("\n");
    if (bar.is_over)
        printf("%*s%s beyond the limit\n", INDENT, "",
               plan_gigabytes(size, (double)plan->memory.short_of));
}

void plan_print_cell_bar(const struct plan *plan, int n_columns, const struct bar_style *style)
{
    struct bar bar = cell_bar_of(plan, n_columns);
    draw(&bar, style);
}

void plan_print_cell_legend(const struct bar_style *style)
{
    int column = 0;
    print_legend(&column, SHADE_EXPERTS, "weights", style);
    print_legend(&column, SHADE_CACHE, "cache, scratch", style);
    print_legend(&column, SHADE_FREE, "free", style);
    print_legend(&column, SHADE_LIMIT, "limit", style);
    print_legend(&column, SHADE_RESERVE, "reserve", style);
    printf("\n");
}

void plan_print_wrapped(const char *text, int width)
{
    int column = 0;
    for (const char *word = text; *word;) {
        int n = (int)strcspn(word, " ");
        if (column > 0 && column + 1 + n > width) {
            printf("\n%*s", INDENT - 1, "");
            column = INDENT - 1;
        }
        printf("%s%.*s", column > 0 ? " " : "", n, word);
        column += n + (column > 0);
        word += n;
        while (*word == ' ') word++;
    }
    printf("\n");
}

/* Drawn to the scale of the machine, or of what is needed if that is more. */
static struct bar bar_of(const struct plan *plan, int n_columns)
{
    struct bar bar = {.n_columns = n_columns, .is_over = plan->memory.short_of > 0};
    const struct plan_memory *memory = &plan->memory;
    struct plan_shares shares = plan_shares_of(plan);
    double box = (double)plan->question.box->memory;
    double needed = (double)memory->weights + (double)memory->kv + (double)memory->scratch;
    double reserve = bar.is_over ? fmax(box - needed, 0) : (double)memory->reserve;
    add_span(&bar, SHADE_ATTENTION, "attention", shares.attention);
    add_span(&bar, SHADE_FEED_FORWARD, "feed-forward", shares.feed_forward);
    add_span(&bar, SHADE_EXPERTS, "experts", shares.experts);
    add_span(&bar, SHADE_OTHER, "embedding, head, other", shares.other);
    add_span(&bar, SHADE_CACHE, "cache", (double)memory->kv);
    add_span(&bar, SHADE_SCRATCH, "scratch", (double)memory->scratch);
    add_span(&bar, SHADE_FREE, "free", (double)memory->spare);
    add_span(&bar, SHADE_RESERVE, plan->question.box->is_here ? "others" : "reserve", reserve);
    share_columns(&bar, fmax(box, needed));
    set_limit(&bar, plan, fmax(box, needed));
    return bar;
}

/* Drawn to the scale of its machine; what goes beyond is cut off, and marked so. */
static struct bar cell_bar_of(const struct plan *plan, int n_columns)
{
    static const char *const tints[] = {GREEN, YELLOW, YELLOW, RED};
    const struct plan_memory *memory = &plan->memory;
    struct bar bar = {
        .n_columns = n_columns, .is_over = memory->short_of > 0, .tint = tints[plan->verdict]};
    double box = (double)plan->question.box->memory;
    double weights = fmin((double)memory->weights, box);
    double others = (double)memory->kv + (double)memory->scratch;
    double shown = fmin(others, box - weights);
    double reserve = bar.is_over ? box - weights - shown : (double)memory->reserve;
    bar.is_cut = (double)memory->weights + others > box;
    add_span(&bar, SHADE_EXPERTS, "", weights);
    add_span(&bar, SHADE_CACHE, "", shown);
    add_span(&bar, SHADE_FREE, "", (double)memory->spare);
    add_span(&bar, SHADE_RESERVE, "", reserve);
    share_columns(&bar, box);
    set_limit(&bar, plan, box);
    return bar;
}

static void add_span(struct bar *bar, enum shade shade, const char *label, double n_bytes)
{
    bar->spans[bar->n_spans++] = (struct span){.shade = shade, .label = label, .n_bytes = n_bytes};
}

/* The mark of the limit takes one column. Rounding the sums, not the parts, makes the others add
 * up; what would vanish but is an eighth of a column takes one from the longest. */
static void share_columns(struct bar *bar, double all)
{
    enum { LEAST = 8 };
    int n = bar->n_columns - 1, before = 0;
    double sum = 0;
    struct span *longest = bar->spans;
    for (int i = 0; i < bar->n_spans; i++) {
        struct span *span = &bar->spans[i];
        sum += span->n_bytes;
        int end = (int)lround(fmin(sum / all, 1) * n);
        span->n_columns = end - before;
        before = end;
        if (span->n_columns > longest->n_columns) longest = span;
    }
    for (int i = 0; i < bar->n_spans; i++) {
        struct span *span = &bar->spans[i];
        if (span->n_columns > 0 || longest->n_columns < 2) continue;
        if (span->n_bytes * n * LEAST < all) continue;
        span->n_columns = 1;
        longest->n_columns--;
    }
}

static void set_limit(struct bar *bar, const struct plan *plan, double all)
{
    int n = bar->n_columns - 1;
    const struct span *reserve = &bar->spans[bar->n_spans - 1];
    bar->limit =
        bar->is_over ? (int)lround((double)plan->memory.usable / all * n) : n - reserve->n_columns;
    /* What is too much must be seen to be. */
    if (bar->is_over && bar->limit > n - 1) bar->limit = n - 1;
}

static void draw(const struct bar *bar, const struct bar_style *style)
{
    const char *color = "";
    int at = 0, n = bar->n_columns - 1;
    for (int i = 0; i < bar->n_spans; i++) {
        const struct span *span = &bar->spans[i];
        bool is_weight = span->shade < SHADE_CACHE;
        const char *own = bar->tint && is_weight ? bar->tint : looks[span->shade].color;
        for (int j = 0; j < span->n_columns; j++, at++) {
            if (at == bar->limit) print_glyph(SHADE_LIMIT, looks[SHADE_LIMIT].color, &color, style);
            bool beyond = bar->is_over && at >= bar->limit && span->shade < SHADE_FREE;
            enum shade shade = bar->is_cut && at == n - 1 ? SHADE_CUT : span->shade;
            print_glyph(shade, beyond ? RED : own, &color, style);
        }
    }
    if (bar->limit >= at) print_glyph(SHADE_LIMIT, looks[SHADE_LIMIT].color, &color, style);
    if (style->colors) fputs("\x1b[0m", stdout);
}

/* `now` is the colour that the terminal is at. */
static void print_glyph(enum shade shade, const char *color, const char **now,
                        const struct bar_style *style)
{
    if (style->colors && strcmp(*now, color) != 0) printf("\x1b[0;%sm", color);
    *now = color;
    fputs(style->blocks ? looks[shade].block : looks[shade].letter, stdout);
}

/* Items stay whole; `column` is where the line is, 0 before the first. */
static void print_legend(int *column, enum shade shade, const char *text,
                         const struct bar_style *style)
{
    const char *color = "";
    int n = 2 + (int)strlen(text);
    bool breaks = *column > 0 && *column + INDENT + n > style->width;
    if (breaks) printf("\n");
    if (breaks) *column = 0;
    printf("%*s", INDENT, "");
    print_glyph(shade, looks[shade].color, &color, style);
    printf("%s %s", style->colors ? "\x1b[0m" : "", text);
    *column += INDENT + n;
}

/* As the person set it: main lets the library think of UTF-8 in any case. */
static bool locale_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && value[0]) return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}
