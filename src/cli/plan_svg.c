#include "cli/plan_svg.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/plan_print.h"
#include "cli/svg.h"

/* Pixels. */
enum {
    WIDTH = 860,
    MARGIN = 32,
    BAR_Y = 132,
    BAR_HEIGHT = 44,
    LEGEND_Y = 226,
    LEGEND_ROW = 24,
    LEGEND_COLUMN = 266,
    FACTS = 78,
    NAME_CHARACTERS = 62
};

struct span {
    const char *class, *label;
    double n_bytes;
};

enum { SPANS = 8 };

static void fill_spans(const struct plan *plan, struct span *spans);
static void draw_head(struct buffer *svg, const char *title, const struct plan *plan);
static void draw_verdict(struct buffer *svg, const struct plan *plan);
static void draw_bar(struct buffer *svg, const struct plan *plan, const struct span *spans);
static void draw_legend(struct buffer *svg, const struct plan *plan, const struct span *spans);
static void draw_facts(struct buffer *svg, const struct plan *plan, double y);
static void draw_instead(struct buffer *svg, const struct plan *plan, double y);
static double legend_end(const struct span *spans);
static double needed_by(const struct plan *plan);

heft_status plan_svg_save(const struct subject *subject, const struct plan *plan, const char *path,
                          heft_error *error)
{
    struct buffer svg = {0};
    struct span spans[SPANS];
    char title[320], description[640], needed[24], usable[24];
    snprintf(title, sizeof title, "%s%s%s", subject->name, subject->quantization[0] ? ", " : "",
             subject->quantization);
    snprintf(description, sizeof description,
             "%s on %s: %s. It needs %s of the %s a model can have.", title,
             plan->question.box->name, verdict_name(plan->verdict),
             plan_gigabytes(needed, needed_by(plan)),
             plan_gigabytes(usable, (double)plan->memory.usable));
    fill_spans(plan, spans);
    svg_begin(&svg, WIDTH, legend_end(spans) + FACTS, title, description);
    draw_head(&svg, title, plan);
    draw_bar(&svg, plan, spans);
    draw_legend(&svg, plan, spans);
    double y = legend_end(spans);
    svg_line(&svg, "rule", MARGIN, y - 14, WIDTH - MARGIN, y - 14);
    if (plan->verdict == VERDICT_DOES_NOT_FIT)
        draw_instead(&svg, plan, y);
    else
        draw_facts(&svg, plan, y);
    svg_end(&svg);
    return svg_save(&svg, path, error);
}

static void fill_spans(const struct plan *plan, struct span *spans)
{
    const struct plan_memory *memory = &plan->memory;
    struct plan_shares shares = plan_shares_of(plan);
    bool is_here = plan->question.box->is_here;
    spans[0] = (struct span){"attention", "attention", shares.attention};
    spans[1] = (struct span){"feed-forward", "feed-forward", shares.feed_forward};
    spans[2] = (struct span){"experts", "experts", shares.experts};
    spans[3] = (struct span){"other", "embedding, head, other", shares.other};
    spans[4] = (struct span){"cache", "cache", (double)memory->kv};
    spans[5] = (struct span){"scratch", "scratch", (double)memory->scratch};
    spans[6] = (struct span){"free", "free", (double)memory->spare};
    spans[7] = (struct span){"reserve", is_here ? "others, now" : "reserve of the system",
                             (double)memory->reserve};
}

static void draw_head(struct buffer *svg, const char *title, const struct plan *plan)
{
    const struct box *box = plan->question.box;
    char text[256];
    int n = (int)strlen(title), shown = n;
    if (n > NAME_CHARACTERS) shown = NAME_CHARACTERS;
    while (shown < n && shown > 0 && ((unsigned char)title[shown] & 0xc0) == 0x80) shown--;
    snprintf(text, sizeof text, "%.*s%s", shown, title, shown < n ? "…" : "");
    svg_text(svg, "title", MARGIN, 46, text);
    n = snprintf(text, sizeof text, "%s, %.0f GiB", box->name, (double)box->memory / (1 << 30));
    if (box->bandwidth > 0)
        snprintf(text + n, sizeof text - (size_t)n, ", %.0f GB/s", box->bandwidth / 1e9);
    svg_text(svg, "large soft", MARGIN, 74, text);
    draw_verdict(svg, plan);
}

static void draw_verdict(struct buffer *svg, const struct plan *plan)
{
    static const char *const classes[] = {"large strong good", "large strong fair",
                                          "large strong fair", "large strong bad"};
    char text[256], size[24], command[64];
    const char *verdict = verdict_name(plan->verdict);
    if (plan->memory.short_of > 0)
        snprintf(text, sizeof text, "%s: %s too much for %" PRId64 " tokens", verdict,
                 plan_gigabytes(size, (double)plan->memory.short_of), plan->n_ctx);
    else if (plan->raise_to > 0 && plan->question.box->is_macos)
        snprintf(text, sizeof text, "%s: %s", verdict, box_raise_command(plan->raise_to, command));
    else
        snprintf(text, sizeof text, "%s", verdict);
    svg_text(svg, classes[plan->verdict], MARGIN, 100, text);
}

/* To the scale of the machine, or of what is needed if that is more. */
static void draw_bar(struct buffer *svg, const struct plan *plan, const struct span *spans)
{
    const struct plan_memory *memory = &plan->memory;
    double box = (double)plan->question.box->memory, needed = needed_by(plan);
    double width = WIDTH - 2 * MARGIN, scale = width / fmax(box, needed), sum = 0;
    double limit = MARGIN + (double)memory->usable * scale, end = MARGIN + box * scale;
    char text[64], size[24];
    svg_group(svg, "bar", verdict_name(plan->verdict));
    /* Where too much is asked for, it runs into the reserve. */
    svg_rect(svg, "reserve", limit, BAR_Y, end - limit, BAR_HEIGHT);
    for (int i = 0; i < SPANS - 1; i++) {
        if (spans[i].n_bytes > 0)
            svg_rect(svg, spans[i].class, MARGIN + sum * scale, BAR_Y, spans[i].n_bytes * scale,
                     BAR_HEIGHT);
        sum += spans[i].n_bytes;
    }
    if (memory->short_of > 0)
        svg_rect(svg, "beyond", limit, BAR_Y, (double)memory->short_of * scale, BAR_HEIGHT);
    svg_rect(svg, "outline", MARGIN, BAR_Y, end - MARGIN, BAR_HEIGHT);
    svg_line(svg, "limit", limit, BAR_Y - 6, limit, BAR_Y + BAR_HEIGHT + 6);
    svg_group_end(svg);
    bool right = limit > WIDTH / 2.0;
    snprintf(text, sizeof text, "a model can have %s",
             plan_gigabytes(size, (double)memory->usable));
    svg_text(svg, right ? "end" : "", limit, BAR_Y - 11, text);
    snprintf(text, sizeof text, "memory %s", plan_gigabytes(size, box));
    svg_text(svg, end > WIDTH / 2.0 ? "soft end" : "soft", end, BAR_Y + BAR_HEIGHT + 19, text);
    svg_text(svg, "soft", MARGIN, BAR_Y + BAR_HEIGHT + 19, "0");
}

static void draw_legend(struct buffer *svg, const struct plan *plan, const struct span *spans)
{
    char text[64], size[24];
    int n = 0;
    for (int i = 0; i < SPANS; i++) {
        const struct span *span = &spans[i];
        if (span->n_bytes <= 0) continue;
        double x = MARGIN + n % 3 * LEGEND_COLUMN, y = LEGEND_Y + n / 3 * LEGEND_ROW;
        svg_rect(svg, span->class, x, y - 11, 13, 13);
        if (strcmp(span->class, "cache") == 0)
            snprintf(text, sizeof text, "cache of %" PRId64 " tokens", plan->n_ctx);
        else
            snprintf(text, sizeof text, "%s", span->label);
        svg_text(svg, "", x + 20, y, text);
        svg_text(svg, "strong end", x + LEGEND_COLUMN - 36, y, plan_gigabytes(size, span->n_bytes));
        n++;
    }
}

static double legend_end(const struct span *spans)
{
    int n = 0;
    for (int i = 0; i < SPANS; i++) n += spans[i].n_bytes > 0;
    return LEGEND_Y + (n + 2) / 3 * LEGEND_ROW + 10;
}

static void draw_facts(struct buffer *svg, const struct plan *plan, double y)
{
    const struct speed *speed = &plan->speed;
    char text[128], low[24], high[24];
    snprintf(text, sizeof text, "%" PRId64 " tokens, f16 cache", plan->n_ctx_largest_f16);
    svg_text(svg, "soft", MARGIN, y + 10, "largest context");
    svg_text(svg, "large strong", MARGIN, y + 32, text);
    if (plan->n_ctx_largest_q8 > 0) {
        snprintf(text, sizeof text, "%" PRId64 " with a cache of q8_0", plan->n_ctx_largest_q8);
        svg_text(svg, "", MARGIN, y + 52, text);
    }
    if (speed->ceiling <= 0) return;
    snprintf(text, sizeof text, "%s to %s tok/s", plan_rate(low, speed->decode.low),
             plan_rate(high, speed->decode.high));
    svg_text(svg, "soft", MARGIN + LEGEND_COLUMN, y + 10, "answers, expected");
    svg_text(svg, "large strong", MARGIN + LEGEND_COLUMN, y + 32, text);
    snprintf(text, sizeof text, "%s tok/s at most", plan_rate(high, speed->ceiling));
    svg_text(svg, "", MARGIN + LEGEND_COLUMN, y + 52, text);
    if (speed->load_seconds <= 0) return;
    svg_text(svg, "soft", MARGIN + 2 * LEGEND_COLUMN, y + 10, "loading");
    svg_text(svg, "large strong", MARGIN + 2 * LEGEND_COLUMN, y + 32,
             plan_duration(text, speed->load_seconds));
}

static void draw_instead(struct buffer *svg, const struct plan *plan, double y)
{
    const struct instead *instead = &plan->instead;
    char text[192], size[24];
    svg_text(svg, "soft", MARGIN, y + 10, "instead");
    if (instead->mix)
        snprintf(text, sizeof text, "%s fits here: %s, up to %" PRId64 " tokens",
                 instead->mix->name, plan_gigabytes(size, (double)instead->mix_bytes),
                 instead->mix_context);
    else
        snprintf(text, sizeof text, "no smaller quantization of it fits here");
    svg_text(svg, "large strong", MARGIN, y + 32, text);
    if (!instead->box.id[0]) return;
    snprintf(text, sizeof text, "%s, %.0f GiB, holds what was asked", instead->box.name,
             (double)instead->box.memory / (1 << 30));
    svg_text(svg, "", MARGIN, y + 52, text);
}

static double needed_by(const struct plan *plan)
{
    const struct plan_memory *memory = &plan->memory;
    return (double)memory->weights + (double)memory->kv + (double)memory->scratch;
}
