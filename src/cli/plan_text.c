#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "cli/plan_print.h"
#include "cli/visible.h"

enum { TEXT = 24 };

static void print_head(const struct subject *subject, const struct plan *plan);
static void print_verdict(const struct plan *plan);
static void print_memory(const struct plan *plan);
static void print_parts(const struct weights *weights);
static void print_context(const struct plan *plan);
static void print_raise_for_context(const struct plan *plan);
static void print_speed(const struct plan *plan);
static void print_prompts(const struct speed *speed);
static void print_cost(const struct plan *plan);
static void print_instead(const struct plan *plan);
static void print_notes(const struct subject *subject, const struct plan *plan);
static const char *count(char *text, double n);

void plan_print_text(const struct subject *subject, const struct plan *plan,
                     const struct bar_style *bars)
{
    print_head(subject, plan);
    print_verdict(plan);
    visible_print(stdout, "\nmemory\n");
    if (bars) plan_print_bar(plan, bars);
    print_memory(plan);
    print_context(plan);
    print_speed(plan);
    print_cost(plan);
    print_instead(plan);
    print_notes(subject, plan);
}

const char *plan_gigabytes(char *text, double n_bytes)
{
    if (n_bytes < 1e6)
        snprintf(text, TEXT, "%.1f KB", n_bytes / 1e3);
    else if (n_bytes < 1e9)
        snprintf(text, TEXT, "%.1f MB", n_bytes / 1e6);
    else
        snprintf(text, TEXT, "%.1f GB", n_bytes / 1e9);
    return text;
}

const char *plan_duration(char *text, double seconds)
{
    if (seconds < 0.1)
        snprintf(text, TEXT, "less than 0.1 s");
    else if (seconds < 10)
        snprintf(text, TEXT, "%.2g s", seconds);
    else if (seconds < 100)
        snprintf(text, TEXT, "%.0f s", seconds);
    else if (seconds < 7200)
        snprintf(text, TEXT, "%.1f min", seconds / 60);
    else
        snprintf(text, TEXT, "%.1f h", seconds / 3600);
    return text;
}

const char *plan_rate(char *text, double tokens)
{
    snprintf(text, TEXT, tokens < 1 ? "%.2f" : tokens < 100 ? "%.1f" : "%.0f", tokens);
    return text;
}

struct plan_shares plan_shares_of(const struct plan *plan)
{
    const struct sum *parts = plan->weights.parts;
    struct plan_shares shares = {
        .attention = (double)parts[PART_ATTENTION].bytes,
        .feed_forward = (double)parts[PART_FEED_FORWARD].bytes,
        .experts = (double)(parts[PART_EXPERTS].bytes + parts[PART_SHARED_EXPERTS].bytes),
    };
    double named = shares.attention + shares.feed_forward + shares.experts;
    shares.other = fmax((double)plan->memory.weights - named, 0);
    return shares;
}

static void print_head(const struct subject *subject, const struct plan *plan)
{
    char all[TEXT], used[TEXT], size[TEXT];
    const struct geometry *model = &subject->geometry;
    const struct sum *sum = &plan->weights.all;
    visible_print(stdout, "%s%s%s, %s parameters", subject->name,
                  subject->quantization[0] ? ", " : "", subject->quantization,
                  count(all, (double)sum->parameters));
    if (model->n_experts > 0)
        visible_print(stdout, ", %s of them for a token", count(used, sum->token_parameters));
    visible_print(stdout, "\n%d layers, trained for %d tokens, %s", model->n_layers,
                  model->n_ctx_train, plan_gigabytes(size, (double)plan->memory.weights));
    if (subject->published_bytes > 0)
        visible_print(stdout, " (published: %s)",
                      plan_gigabytes(size, (double)subject->published_bytes));
    visible_print(stdout, "\n");
}

static void print_verdict(const struct plan *plan)
{
    const struct box *box = plan->question.box;
    char usable[TEXT], raised[TEXT], more[TEXT], command[64];
    visible_print(stdout, "on %s%s%s%s: %s", box->name, box->is_here ? "" : " (",
                  box->is_here ? "" : box->id, box->is_here ? "" : ")",
                  verdict_name(plan->verdict));
    plan_gigabytes(more, (double)plan->memory.short_of);
    if (plan->verdict == VERDICT_FITS_LESS_CONTEXT)
        visible_print(stdout, ", %" PRId64 " tokens; %" PRId64 " would need %s more",
                      plan->n_ctx_largest, plan->n_ctx, more);
    else if (plan->memory.short_of > 0)
        visible_print(stdout, ", %s more is needed", more);
    visible_print(stdout, "\n");
    if (plan->n_ctx > plan->question.model->n_ctx_train)
        visible_print(stdout, "it was trained for %d tokens: beyond them answers get worse\n",
                      plan->question.model->n_ctx_train);
    if (plan->raise_to > 0 && box->is_macos)
        visible_print(stdout, "macOS lets the GPU use %s; `%s` makes it %s until the next start\n",
                      plan_gigabytes(usable, (double)box->usable),
                      box_raise_command(plan->raise_to, command),
                      plan_gigabytes(raised, (double)plan->raise_to));
    else if (plan->raise_to > 0)
        visible_print(
            stdout, "as it comes it gives %s to a model; %s are possible with a larger carve-out\n",
            plan_gigabytes(usable, (double)box->usable),
            plan_gigabytes(raised, (double)plan->raise_to));
}

static void print_memory(const struct plan *plan)
{
    char size[TEXT], token[TEXT];
    const struct plan_memory *memory = &plan->memory;
    const struct question *question = &plan->question;
    visible_print(stdout, "  %-10s %10s  ", "weights",
                  plan_gigabytes(size, (double)memory->weights));
    print_parts(&plan->weights);
    visible_print(stdout, "  %-10s %10s  %" PRId64 " tokens of %s (%s)", "cache",
                  plan_gigabytes(size, (double)memory->kv), plan->n_ctx,
                  plan_gigabytes(token, (double)memory->kv_token),
                  question->kv == DTYPE_F16   ? "f16"
                  : question->kv == DTYPE_F32 ? "f32"
                                              : "q8_0");
    if (question->n_sessions > 1) visible_print(stdout, ", %d sessions", question->n_sessions);
    visible_print(stdout, "\n  %-10s %10s%s\n", "scratch",
                  plan_gigabytes(size, (double)memory->scratch),
                  question->scratch ? "" : "  estimated");
    if (memory->short_of == 0)
        visible_print(stdout, "  %-10s %10s\n", "free",
                      plan_gigabytes(size, (double)memory->spare));
    visible_print(stdout, "  %-10s %10s  %s\n", question->box->is_here ? "others" : "reserve",
                  plan_gigabytes(size, (double)memory->reserve),
                  question->box->is_here ? "in use now, or kept by the system"
                                         : "kept for the system");
    visible_print(stdout, "  %-10s %10s", "all",
                  plan_gigabytes(size, (double)question->box->memory));
    visible_print(stdout, "  (%.0f GiB)\n", (double)question->box->memory / (1 << 30));
    if (question->box->limit[0]) visible_print(stdout, "  limited by %s\n", question->box->limit);
}

static void print_parts(const struct weights *weights)
{
    char size[TEXT];
    bool first = true;
    for (int i = 0; i < PARTS; i++) {
        if (weights->parts[i].bytes == 0) continue;
        visible_print(stdout, "%s%s %s", first ? "" : ", ", part_name((enum part)i),
                      plan_gigabytes(size, (double)weights->parts[i].bytes));
        first = false;
    }
    visible_print(stdout, "\n");
}

static void print_context(const struct plan *plan)
{
    if (plan->n_ctx_largest_f16 == 0 && plan->n_ctx_largest_q8 == 0) return;
    visible_print(stdout, "\ncontext that fits%s: %" PRId64 " tokens with a cache of f16",
                  plan->question.n_sessions > 1 ? ", each session" : "", plan->n_ctx_largest_f16);
    if (plan->question.model->cache.blocks)
        visible_print(stdout, ", %" PRId64 " with q8_0", plan->n_ctx_largest_q8);
    visible_print(stdout, "\n");
    print_raise_for_context(plan);
}

/* The largest contexts are those of the raised limit, also where the plan itself needs no raising.
 */
static void print_raise_for_context(const struct plan *plan)
{
    const struct box *box = plan->question.box;
    const struct plan_memory *memory = &plan->memory;
    uint64_t cache =
        (uint64_t)plan->n_ctx_largest * (uint64_t)plan->question.n_sessions * memory->kv_token;
    if (plan->raise_to > 0 || memory->weights + memory->scratch + cache <= box->usable) return;
    char raised[TEXT], command[64];
    plan_gigabytes(raised, (double)box->usable_raised);
    if (box->is_macos)
        visible_print(stdout, "the largest of them after `%s`, which makes %s usable\n",
                      box_raise_command(box->usable_raised, command), raised);
    else
        visible_print(stdout, "the largest of them with a carve-out of %s\n", raised);
}

static void print_speed(const struct plan *plan)
{
    char low[TEXT], high[TEXT], most[TEXT], size[TEXT];
    const struct box *box = plan->question.box;
    const struct speed *speed = &plan->speed;
    bool fits = plan->verdict != VERDICT_DOES_NOT_FIT;
    if (box->bandwidth <= 0) {
        visible_print(
            stdout,
            "\nspeed is not known: --bandwidth N says how many GB a second the memory gives\n");
        return;
    }
    visible_print(stdout, "\nspeed%s\n", fits ? "" : ", if it did fit");
    visible_print(stdout, "  %-10s %s tokens/s at most: %s read for each, at %.0f GB/s\n", "answer",
                  plan_rate(most, speed->ceiling),
                  plan_gigabytes(size, plan->weights.all.token_bytes), box->bandwidth / 1e9);
    visible_print(stdout, "  %-10s %s to %s expected; %s to %s with %" PRId64 " tokens before it\n",
                  "", plan_rate(low, speed->decode.low), plan_rate(high, speed->decode.high),
                  plan_rate(most, speed->decode_at_depth.low),
                  plan_rate(size, speed->decode_at_depth.high), plan->n_ctx);
    print_prompts(speed);
    if (speed->load_seconds > 0)
        visible_print(stdout, "  %-10s %s at %.1f GB/s%s\n", "load",
                      plan_duration(low, speed->load_seconds), box->drive / 1e9,
                      box->drive_assumed ? ", assumed" : "");
    if (speed->token_joules.high > 0)
        visible_print(stdout, "  %-10s %.3g to %.3g J a token at %.0f W\n", "energy",
                      speed->token_joules.low, speed->token_joules.high, box->watts);
}

static void print_prompts(const struct speed *speed)
{
    char low[TEXT], high[TEXT];
    for (int i = 0; i < PREFILLS && speed->prefills[i].least_seconds > 0; i++) {
        const struct prefill *prefill = &speed->prefills[i];
        visible_print(stdout, "  %-10s %5d tokens: %s to %s\n", i ? "" : "prompt",
                      prefill_tokens[i], plan_duration(low, prefill->seconds.low),
                      plan_duration(high, prefill->seconds.high));
    }
}

static void print_cost(const struct plan *plan)
{
    const struct cost *cost = &plan->cost;
    const struct prices *prices = &plan->question.prices;
    const struct box *box = plan->question.box;
    if (cost->box_year <= 0 && prices->output <= 0) return;
    visible_print(stdout, "\ncost\n");
    if (cost->box_year > 0)
        visible_print(stdout, "  %-10s $%.0f when it came out, $%.0f a year over %g years\n", "box",
                      box->price, cost->box_year, prices->years);
    if (cost->energy_million > 0)
        visible_print(stdout, "  %-10s $%.2f for a million tokens at $%.2f a kWh\n", "power",
                      cost->energy_million, prices->kwh);
    if (cost->service_million <= 0) return;
    visible_print(stdout, "  %-10s $%.2f for a million tokens in and a million out\n", "service",
                  cost->service_million);
    if (cost->break_even_day <= 0 || cost->break_even_day > cost->most_day)
        visible_print(stdout, "  %-10s never: the box writes at most %.1f million tokens a day\n",
                      "break even", cost->most_day / 1e6);
    else
        visible_print(stdout, "  %-10s from %.2f million tokens a day, of the %.2f it can write\n",
                      "break even", cost->break_even_day / 1e6, cost->most_day / 1e6);
}

static void print_instead(const struct plan *plan)
{
    char size[TEXT], speed[TEXT];
    const struct instead *instead = &plan->instead;
    if (plan->verdict != VERDICT_DOES_NOT_FIT) return;
    visible_print(stdout, "\ninstead\n");
    if (instead->mix)
        visible_print(stdout, "  %s fits here: %s, up to %" PRId64 " tokens\n", instead->mix->name,
                      plan_gigabytes(size, (double)instead->mix_bytes), instead->mix_context);
    else
        visible_print(stdout, "  no smaller quantization of it fits here\n");
    if (instead->box.id[0])
        visible_print(stdout, "  %s (--on %s) holds what was asked\n", instead->box.name,
                      instead->box.id);
    if (instead->streaming_rate > 0)
        visible_print(stdout, "  read from the drive for every token: %s tokens/s at most\n",
                      plan_rate(speed, instead->streaming_rate));
    if (instead->split_rate > 0)
        visible_print(stdout, "  with the rest in the host's memory: %s tokens/s at most\n",
                      plan_rate(speed, instead->split_rate));
}

static void print_notes(const struct subject *subject, const struct plan *plan)
{
    const struct box *box = plan->question.box;
    bool of_file = subject->source != SUBJECT_CATALOGUE;
    if (of_file && !subject->is_known)
        visible_print(stdout, "\nheft does not run it yet: %s\n", subject->reason.message);
    if (box->note[0]) visible_print(stdout, "\n%s\n", box->note);
    if (!box->is_here && box->kind != BOX_HOST)
        visible_print(stdout,
                      "\nexpected speeds are those of engines that were measured on such GPUs\n");
}

static const char *count(char *text, double n)
{
    if (n < 1e9)
        snprintf(text, TEXT, "%.1f million", n / 1e6);
    else
        snprintf(text, TEXT, "%.1f billion", n / 1e9);
    return text;
}
