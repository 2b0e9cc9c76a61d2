/* The lines of `heft bench`, and its JSON. */
#include "cli/bench.h"

#include "cli/output.h"

/* What the median of a row means for the machine. */
struct load {
    double gbs, gbs_limit, gbs_share; /* 0: not known */
    double gops, gops_share;
    double step_times; /* how long a step of all users takes, of one user's; 0: not known */
};

static struct load load_of(const struct bench *bench, const struct bench_row *row);
static void print_row(const struct bench *bench, const struct bench_row *row,
                      const struct load *load);
static json_t *row_json(const struct bench *bench, const struct bench_row *row,
                        const struct load *load);
static json_t *peers_json(const struct bench *bench, const struct bench_row *row);

double *bench_rates(const struct bench *bench, int contestant)
{
    return bench->rates + (size_t)contestant * (size_t)bench->n_repeats;
}

/* Of sorted samples. */
static double median(const double *samples, int n)
{
    return (samples[(n - 1) / 2] + samples[n / 2]) / 2;
}

double bench_median(const struct bench *bench, int contestant)
{
    return median(bench_rates(bench, contestant), bench->n_repeats);
}

/* 1e9 bytes a second that memory gave between the rounds, or before all of them. */
static double limit_of(const struct bench *bench)
{
    return bench->bandwidth ? median(bench->limits, bench->n_repeats) * 1e-9
                            : bench->peaks.read_gbs[1];
}

void bench_print_peaks(const struct bench *bench)
{
    const struct peaks *peaks = &bench->peaks;
    char size[16];
    printf("%-28s %12s %9d threads\n", "this machine", "1 thread", peaks->n_threads);
    printf("%-28s %7.1f GB/s %12.1f GB/s   (over %s)\n", "reading memory", peaks->read_gbs[0],
           peaks->read_gbs[1], output_bytes(size, peaks->buffer_bytes));
    printf("%-28s %6.1f Gop/s %11.1f Gop/s  (%s)\n", "float multiply-add", peaks->f32_gops[0],
           peaks->f32_gops[1], peaks->tier);
    printf("%-28s %6.1f Gop/s %11.1f Gop/s  (%s)\n", "int8 multiply-add", peaks->int8_gops[0],
           peaks->int8_gops[1], peaks->tier);
    if (peaks->bf16_gops[1] > 0)
        printf("%-28s %6.1f Gop/s %11.1f Gop/s  (%s)\n", "bf16 matrices", peaks->bf16_gops[0],
               peaks->bf16_gops[1], peaks->tier);
    fflush(stdout);
}

void bench_print_head(const struct bench *bench)
{
    printf("\n%s\n\n%-8s %5s %7s %7s  %-30s %15s %6s %10s %6s\n", bench->info.description, "",
           "users", "depth", "tokens", "tokens/s", "GB/s", "share", "Gop/s", "share");
}

void bench_report(struct bench *bench, const struct bench_row *row)
{
    struct load load = load_of(bench, row);
    if (bench->json)
        json_array_append_new(bench->rows, row_json(bench, row, &load));
    else
        print_row(bench, row, &load);
}

json_t *bench_peaks_json(const struct peaks *peaks)
{
    return json_pack("{s:s, s:i, s:[f,f], s:[f,f], s:[f,f], s:[f,f]}", "tier", peaks->tier,
                     "n_threads", peaks->n_threads, "read_gb_per_second", peaks->read_gbs[0],
                     peaks->read_gbs[1], "f32_gop_per_second", peaks->f32_gops[0],
                     peaks->f32_gops[1], "int8_gop_per_second", peaks->int8_gops[0],
                     peaks->int8_gops[1], "bf16_gop_per_second", peaks->bf16_gops[0],
                     peaks->bf16_gops[1]);
}

/* Rows that are computed together read the weights once, and how many of the experts is not known.
 * A prompt needs logits after its last token only. */
static struct load load_of(const struct bench *bench, const struct bench_row *row)
{
    const heft_info *info = &bench->info;
    double rate = bench_median(bench, 0), mean_depth = row->depth + row->n_tokens / 2.0;
    double bytes = (double)info->token_weight_bytes + (double)info->kv_token_bytes * mean_depth;
    double used =
        (double)info->layer_parameters + (row->together ? 0 : (double)info->head_parameters);
    struct load load = {.gops = rate * 2 * used * 1e-9};
    load.gops_share = load.gops / peaks_product_gops(&bench->peaks);
    if (row->n_users > 1) {
        load.step_times = row->n_users * bench->alone / rate;
    } else if (!row->together) {
        load.gbs = rate * bytes * 1e-9;
        load.gbs_limit = limit_of(bench);
        load.gbs_share = load.gbs / load.gbs_limit;
    }
    return load;
}

static void print_row(const struct bench *bench, const struct bench_row *row,
                      const struct load *load)
{
    const double *rates = bench_rates(bench, 0);
    double rate = bench_median(bench, 0);
    int last = bench->n_repeats - 1;
    char speed[64];
    snprintf(speed, sizeof speed, "%.2f (%.2f to %.2f)", rate, rates[0], rates[last]);
    printf("%-8s %5d %7d %7d  %-30s ", row->name, row->n_users, row->depth, row->n_tokens, speed);
    if (load->gbs > 0)
        printf("%6.2f of %5.2f %4.0f %%", load->gbs, load->gbs_limit, 100 * load->gbs_share);
    else
        printf("%15s %6s", "", "");
    printf(" %10.1f %4.0f %%\n", load->gops, 100 * load->gops_share);
    if (load->step_times > 0)
        printf("  a step takes %.2f times that of one user\n", load->step_times);
    for (int i = 1; i <= row->n_peers; i++) {
        const double *peer = bench_rates(bench, i);
        snprintf(speed, sizeof speed, "%.2f (%.2f to %.2f)", bench_median(bench, i), peer[0],
                 peer[last]);
        printf("  %-28s  %-30s  heft %.2f times\n", bench->peers[i - 1].name, speed,
               rate / bench_median(bench, i));
    }
    fflush(stdout);
}

static json_t *row_json(const struct bench *bench, const struct bench_row *row,
                        const struct load *load)
{
    const double *rates = bench_rates(bench, 0);
    return json_pack("{s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o}",
                     "name", row->name, "n_users", row->n_users, "depth", row->depth, "n_tokens",
                     row->n_tokens, "tokens_per_second", bench_median(bench, 0), "slowest",
                     rates[0], "fastest", rates[bench->n_repeats - 1], "gb_per_second", load->gbs,
                     "limit_gb_per_second", load->gbs_limit, "bandwidth_share", load->gbs_share,
                     "gop_per_second", load->gops, "arithmetic_share", load->gops_share,
                     "step_times", load->step_times, "peers", peers_json(bench, row));
}

static json_t *peers_json(const struct bench *bench, const struct bench_row *row)
{
    json_t *peers = json_array();
    for (int i = 1; i <= row->n_peers; i++) {
        const double *rates = bench_rates(bench, i);
        double rate = bench_median(bench, i);
        json_array_append_new(peers,
                              json_pack("{s:s, s:f, s:f, s:f, s:f}", "name",
                                        bench->peers[i - 1].name, "tokens_per_second", rate,
                                        "slowest", rates[0], "fastest", rates[bench->n_repeats - 1],
                                        "heft_times", bench_median(bench, 0) / rate));
    }
    return peers;
}
