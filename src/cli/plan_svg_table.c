#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/plan_print.h"
#include "cli/plan_svg.h"
#include "cli/svg.h"

/* Pixels. */
enum {
    MARGIN = 28,
    NAMES = 176,
    CELL_LEAST = 204,
    GAP = 20,
    BAR_HEIGHT = 11,
    ROW = 38,
    WIDTH_LEAST = 780,
    HEAD = 162,
    FOOT = 52,
    NAME_CHARACTERS = 24
};

static void draw_head(struct buffer *svg, const struct plan_table *table);
static void draw_box_name(struct buffer *svg, const struct box *box, double x, double y);
static void draw_legend(struct buffer *svg, double y);
static void draw_row(struct buffer *svg, const struct plan_table *table, int model, double y);
static void draw_cell(struct buffer *svg, const struct plan *plan, double x, double y,
                      double width);
static void draw_cell_bar(struct buffer *svg, const struct plan *plan, double x, double y,
                          double width);
static void cell_title(const struct plan *plan, char *text, size_t room);
static void cell_label(const struct plan *plan, char *text, size_t room);
static double cell_width(const struct plan_table *table);
static const char *title_of(const struct plan_table *table, char *text, size_t room);

heft_status plan_svg_save_table(const struct plan_table *table, const char *path, heft_error *error)
{
    struct buffer svg = {0};
    char title[128];
    double width = 2 * MARGIN + NAMES + table->n_boxes * cell_width(table);
    double height = HEAD + table->n_models * ROW + FOOT;
    svg_begin(
        &svg, width, height, title_of(table, title, sizeof title),
        "A bar for each model and machine shows the weights, the cache, what is free, and the "
        "reserve of the system, to the scale of the machine's memory. Below it: the largest "
        "context and tokens a second, or what is too much and which quantization fits.");
    draw_head(&svg, table);
    for (int i = 0; i < table->n_models; i++) {
        double y = HEAD + i * ROW;
        if (i % 2 == 0) svg_rect(&svg, "stripe", MARGIN - 10, y, width - 2 * MARGIN + 20, ROW);
        draw_row(&svg, table, i, y);
    }
    double y = height - FOOT + 24;
    svg_text(&svg, "soft", MARGIN, y,
             "Each bar is to the scale of its machine. The context is the largest that fits "
             "(K = 1024 tokens); tok/s are the most that the bandwidth allows.");
    svg_text(&svg, "soft", MARGIN, y + 16,
             "* after raising the limit of the system. GB are 1e9 bytes; memory is sold in GiB of "
             "2^30.");
    svg_end(&svg);
    return svg_save(&svg, path, error);
}

static void draw_head(struct buffer *svg, const struct plan_table *table)
{
    char text[128];
    svg_text(svg, "title", MARGIN, 44, title_of(table, text, sizeof text));
    draw_legend(svg, 76);
    for (int j = 0; j < table->n_boxes; j++) {
        const struct box *box = &table->boxes[j];
        double x = MARGIN + NAMES + j * cell_width(table);
        snprintf(text, sizeof text, "%.0f GiB", (double)box->memory / (1 << 30));
        svg_text(svg, "large strong", x, HEAD - 44, text);
        draw_box_name(svg, box, x, HEAD - 27);
    }
}

/* "Mac Studio M3 Ultra (60-core GPU)" in two lines: what is in brackets comes with the bandwidth.
 */
static void draw_box_name(struct buffer *svg, const struct box *box, double x, double y)
{
    enum { CHARACTERS = 30 };
    char text[160], rate[32] = "";
    const char *bracket = strstr(box->name, " (");
    const char *end = bracket ? strchr(bracket, ')') : NULL;
    int n = end ? (int)(bracket - box->name) : (int)strlen(box->name);
    snprintf(text, sizeof text, "%.*s", n < CHARACTERS ? n : CHARACTERS, box->name);
    svg_text(svg, "soft", x, y, text);
    if (box->bandwidth > 0) snprintf(rate, sizeof rate, "%.0f GB/s", box->bandwidth / 1e9);
    n = end ? (int)(end - bracket) - 2 : 0;
    snprintf(text, sizeof text, "%.*s%s%s", n < CHARACTERS ? n : CHARACTERS, end ? bracket + 2 : "",
             n > 0 && rate[0] ? ", " : "", rate);
    svg_text(svg, "soft", x, y + 15, text);
}

static void draw_legend(struct buffer *svg, double y)
{
    static const struct {
        const char *class, *label;
        int width;
    } items[] = {{"weights", "weights", 82},
                 {"cache", "cache", 72},
                 {"scratch", "scratch", 78},
                 {"free", "free", 62},
                 {"reserve", "reserve of the system", 152},
                 {"beyond", "too much", 88}};
    double x = MARGIN;
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        svg_rect(svg, items[i].class, x, y - 11, 13, 13);
        svg_text(svg, "", x + 19, y, items[i].label);
        x += items[i].width;
    }
    svg_line(svg, "limit", x + 3, y - 12, x + 3, y + 3);
    svg_text(svg, "", x + 12, y, "most a model can have");
}

static void draw_row(struct buffer *svg, const struct plan_table *table, int model, double y)
{
    const struct plan *cells = &table->cells[model * table->n_boxes];
    const char *name = table->models[model].name;
    char text[64], size[24];
    snprintf(text, sizeof text, "%.*s", NAME_CHARACTERS, name);
    svg_text(svg, "strong", MARGIN, y + 17, text);
    if (table->n_boxes == 0) return;
    snprintf(text, sizeof text, "%s of weights",
             plan_gigabytes(size, (double)cells->memory.weights));
    svg_text(svg, "soft", MARGIN, y + 32, text);
    for (int j = 0; j < table->n_boxes; j++)
        draw_cell(svg, &cells[j], MARGIN + NAMES + j * cell_width(table), y,
                  cell_width(table) - GAP);
}

static void draw_cell(struct buffer *svg, const struct plan *plan, double x, double y, double width)
{
    static const char *const classes[] = {"good", "fair", "fair", "bad"};
    char text[256];
    cell_title(plan, text, sizeof text);
    svg_group(svg, "bar", text);
    draw_cell_bar(svg, plan, x, y + 8, width);
    cell_label(plan, text, sizeof text);
    svg_text(svg, classes[plan->verdict], x, y + 32, text);
    svg_group_end(svg);
}

/* The bar ends where the memory of the machine does. */
static void draw_cell_bar(struct buffer *svg, const struct plan *plan, double x, double y,
                          double width)
{
    const struct plan_memory *memory = &plan->memory;
    bool fits = plan->verdict != VERDICT_DOES_NOT_FIT;
    const char *const classes[] = {fits ? "weights" : "too-large", "cache", "scratch", "free"};
    const double parts[] = {(double)memory->weights, (double)memory->kv, (double)memory->scratch,
                            (double)memory->spare};
    double scale = width / (double)plan->question.box->memory, sum = 0;
    double limit = (double)memory->usable * scale;
    svg_rect(svg, "reserve", x + limit, y, width - limit, BAR_HEIGHT);
    for (int i = 0; i < 4; i++) {
        double start = fmin(sum * scale, width), end = fmin((sum + parts[i]) * scale, width);
        if (end > start) svg_rect(svg, classes[i], x + start, y, end - start, BAR_HEIGHT);
        sum += parts[i];
    }
    if (memory->short_of > 0)
        svg_rect(svg, "beyond", x + limit, y, fmin(sum * scale, width) - limit, BAR_HEIGHT);
    svg_line(svg, "limit", x + limit, y - 2, x + limit, y + BAR_HEIGHT + 2);
}

static void cell_title(const struct plan *plan, char *text, size_t room)
{
    char weights[24], cache[24], scratch[24], usable[24];
    const struct plan_memory *memory = &plan->memory;
    snprintf(text, room, "%s: weights %s, cache %s, scratch %s of %s", verdict_name(plan->verdict),
             plan_gigabytes(weights, (double)memory->weights),
             plan_gigabytes(cache, (double)memory->kv),
             plan_gigabytes(scratch, (double)memory->scratch),
             plan_gigabytes(usable, (double)memory->usable));
}

static void cell_label(const struct plan *plan, char *text, size_t room)
{
    char size[24];
    if (plan->verdict == VERDICT_DOES_NOT_FIT) {
        struct instead largest = {0};
        plan_largest_mix(&plan->question, &largest);
        snprintf(text, room, "%s too much; %s%s",
                 plan_gigabytes(size, (double)plan->memory.short_of),
                 largest.mix ? largest.mix->name : "none", " fits");
        return;
    }
    int n = plan->n_ctx_largest < 1024
                ? snprintf(text, room, "%d tokens", (int)plan->n_ctx_largest)
                : snprintf(text, room, "%dK tokens", (int)(plan->n_ctx_largest / 1024));
    if (plan->speed.ceiling > 0)
        n += snprintf(text + n, room - (size_t)n, ", %s tok/s",
                      plan_rate(size, plan->speed.ceiling));
    if (plan->raise_to > 0) snprintf(text + n, room - (size_t)n, " *");
}

/* Few machines share the room that the legend takes. */
static double cell_width(const struct plan_table *table)
{
    double room = WIDTH_LEAST - 2 * MARGIN - NAMES;
    return fmax(room / fmax(table->n_boxes, 1), CELL_LEAST);
}

static const char *title_of(const struct plan_table *table, char *text, size_t room)
{
    bool is_empty = table->n_models == 0 || table->n_boxes == 0;
    const struct mix *mix = is_empty ? NULL : table->cells->question.mix;
    snprintf(text, room, "What fits where, with weights of %s", mix ? mix->name : "their files");
    return text;
}
