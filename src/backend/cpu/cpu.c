#include "backend/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/steps.h"
#include "base/error.h"
#include "base/memory.h"

/* What the threads walk through together. */
struct walk {
    struct cpu *cpu;
    struct phase *phases;
    int n;
};

/* Columns are multiplied all in their order, or those that a list picks. */
enum { IN_ORDER = 1, LISTED = 2 };

/* Who may want columns. */
struct column_need {
    const struct kernels *kernels;
    uint64_t dtypes; /* of weights, a bit each */
};

/* Hands out pieces of one allocation; with no memory behind it, it only sums. */
struct carver {
    char *memory; /* NULL: sum */
    size_t used;
};

static size_t layout(struct cpu *cpu, const struct limits *limits, char *memory);
static void layout_rows(struct activations *a, const struct limits *limits, struct carver *carver);
static void layout_attention(struct cpu *cpu, const struct limits *limits, struct carver *carver);
static void layout_feed_forward(struct cpu *cpu, const struct limits *limits,
                                struct carver *carver);
static size_t columns_bytes(const struct kernels *kernels, const struct limits *limits);
static size_t column_set_bytes(const struct column_need *need, int n_rows, int per_row, int k,
                               unsigned uses);
static int rows_wanted(const struct column_need *need, enum column_format format, int n,
                       bool listed);
static size_t thread_bytes(const struct cpu *cpu, const struct limits *limits);
static int rows_worth_sharing(const struct limits *limits);
static void *carve(struct carver *carver, size_t n, size_t bytes_each);
static void phases_walk(const struct worker *worker, void *argument);

static size_t cpu_scratch_bytes(const struct backend *backend, const struct limits *limits)
{
    struct cpu sum = *(const struct cpu *)backend;
    return layout(&sum, limits, NULL);
}

static heft_status cpu_prepare(struct backend *backend, const struct limits *limits,
                               heft_error *error)
{
    struct cpu *cpu = (struct cpu *)backend;
    cpu->memory_bytes = layout(cpu, limits, NULL);
    cpu->memory = memory_take(cpu->memory_bytes);
    if (!cpu->memory)
        return error_set(error, HEFT_DOES_NOT_FIT, "no memory for %.1f MB of scratch",
                         (double)cpu->memory_bytes / 1e6);
    layout(cpu, limits, cpu->memory);
    cpu->limits = *limits;
    cpu->n_rows = limits->n_rows;
    cpu->n_rows_shared = rows_worth_sharing(limits);
    for (int i = 0; i < CPU_ABSORB_ROWS; i++) cpu->slice_index[i] = i * limits->n_heads;
    return HEFT_OK;
}

static void cpu_close(struct backend *backend)
{
    struct cpu *cpu = (struct cpu *)backend;
    memory_give(cpu->memory, cpu->memory_bytes);
    pool_close(cpu->pool);
    free((char *)cpu->base.name);
    free(cpu);
}

static void *cpu_take(struct backend *backend, size_t n_bytes)
{
    (void)backend;
    return memory_take(n_bytes);
}

static void cpu_give(struct backend *backend, void *memory, size_t n_bytes)
{
    (void)backend;
    memory_give(memory, n_bytes);
}

static void cpu_read(struct backend *backend, void *to, const void *from, size_t n_bytes)
{
    (void)backend;
    memcpy(to, from, n_bytes);
}

static const struct activations *cpu_activations(const struct backend *backend)
{
    return &((const struct cpu *)backend)->a;
}

static const struct backend_ops CPU_OPS = {
    .scratch_bytes = cpu_scratch_bytes,
    .prepare = cpu_prepare,
    .close = cpu_close,
    .take = cpu_take,
    .give = cpu_give,
    .read = cpu_read,
    .activations = cpu_activations,
    .embed = cpu_embed,
    .norm = cpu_norm,
    .matmul = cpu_matmul,
    .add = cpu_add,
    .rope_append = cpu_rope_append,
    .attend = cpu_attend,
    .route = cpu_route,
    .gate = cpu_gate,
    .gate_experts = cpu_gate_experts,
    .mix = cpu_mix,
    .mix_experts = cpu_mix_experts,
    .head = cpu_head,
    .stage_qkv = cpu_stage_qkv,
    .stage_project = cpu_stage_project,
    .stage_up = cpu_stage_up,
    .stage_down = cpu_stage_down,
};

heft_status backend_open_cpu(const struct backend_options *options, struct backend **out,
                             heft_error *error)
{
    struct cpu *cpu = calloc(1, sizeof *cpu);
    char *name = malloc(64);
    heft_status status = HEFT_INTERNAL;
    if (!cpu || !name) {
        error_set(error, status, "no memory to open the CPU backend");
        goto failed;
    }
    cpu->base = (struct backend){.ops = &CPU_OPS, .name = name};
    if (!kernels_init(&cpu->kernels, options->cpu_tier)) {
        status = error_set(error, HEFT_USAGE, "HEFT_CPU=%s: this machine has no such tier",
                           options->cpu_tier);
        goto failed;
    }
    status = pool_open(options->n_threads, &cpu->pool, error);
    if (status != HEFT_OK) goto failed;
    cpu->base.n_threads = pool_n_threads(cpu->pool);
    snprintf(name, 64, "cpu, %s, %d threads", cpu->kernels.name, cpu->base.n_threads);
    *out = &cpu->base;
    return HEFT_OK;
failed:
    free(name);
    free(cpu);
    return status;
}

void cpu_run(struct cpu *cpu, struct phase *phases, int n_phases)
{
    struct walk walk = {cpu, phases, n_phases};
    for (int i = 0; i < n_phases; i++) pool_counter_reset(&phases[i].counter);
    (cpu->n_rows < cpu->n_rows_shared ? pool_run_alone : pool_run)(cpu->pool, phases_walk, &walk);
}

size_t cpu_tile_floats(const struct limits *limits)
{
    size_t n = (size_t)(limits->n_rows > CPU_ABSORB_ROWS ? limits->n_rows : CPU_ABSORB_ROWS);
    return n * MANY_TASK_ROWS;
}

struct thread_scratch cpu_scratch(const struct cpu *cpu, const struct worker *worker)
{
    char *mine = cpu->thread_scratch + (size_t)worker->index * cpu->thread_bytes;
    struct carver carver = {.memory = mine};
    struct thread_scratch scratch;
    scratch.kernel = carve(&carver, cpu->kernels.scratch_bytes, 1);
    scratch.tile[0] = carve(&carver, cpu_tile_floats(&cpu->limits), sizeof(float));
    scratch.tile[1] = carve(&carver, cpu_tile_floats(&cpu->limits), sizeof(float));
    scratch.attend = (float *)(mine + carver.used);
    return scratch;
}

static void phases_walk(const struct worker *worker, void *argument)
{
    const struct walk *walk = argument;
    for (int i = 0; i < walk->n; i++) {
        if (i > 0) pool_barrier(worker);
        walk->phases[i].run(walk->cpu, worker, &walk->phases[i]);
    }
}

/* Rows whose work in the widest stage, in multiply-adds, takes longer than a few barriers. */
static int rows_worth_sharing(const struct limits *limits)
{
    const int64_t barriers = 1000 * 1000;
    int64_t dense = (int64_t)limits->d_model * limits->d_ff;
    int64_t experts = (int64_t)limits->d_model * limits->d_ff_expert * limits->n_used;
    int64_t project = (int64_t)limits->d_model * limits->o_width;
    int64_t row = 2 * (dense + experts) > project ? 2 * (dense + experts) : project;
    return (int)(barriers / (row + 1)) + 1;
}

/* ---- memory ---- */

static size_t layout(struct cpu *cpu, const struct limits *limits, char *memory)
{
    struct carver carver = {.memory = memory};
    size_t n_threads = (size_t)pool_n_threads(cpu->pool);
    layout_rows(&cpu->a, limits, &carver);
    cpu->slice_index = carve(&carver, CPU_ABSORB_ROWS, sizeof *cpu->slice_index);
    size_t begin = carver.used; /* what attention leaves is read before the network writes */
    layout_attention(cpu, limits, &carver);
    size_t end = carver.used;
    carver.used = begin;
    layout_feed_forward(cpu, limits, &carver);
    if (carver.used < end) carver.used = end;
    cpu->columns_bytes = columns_bytes(&cpu->kernels, limits);
    cpu->columns = carve(&carver, cpu->columns_bytes, 1);
    cpu->thread_bytes = thread_bytes(cpu, limits);
    cpu->thread_scratch = carve(&carver, cpu->thread_bytes, n_threads);
    return carver.used;
}

static void layout_rows(struct activations *a, const struct limits *limits, struct carver *carver)
{
    size_t n = (size_t)limits->n_rows;
    a->x = carve(carver, n * (size_t)limits->d_model, sizeof(float));
    a->h = carve(carver, n * (size_t)limits->d_model, sizeof(float));
    a->router_logits = carve(carver, n * (size_t)limits->n_experts, sizeof(float));
    a->expert_ids = carve(carver, n * (size_t)limits->n_used, sizeof(int32_t));
    a->expert_weights = carve(carver, n * (size_t)limits->n_used, sizeof(float));
    a->logits = carve(carver, (size_t)limits->n_logits * (size_t)limits->n_vocab, sizeof(float));
}

static void layout_attention(struct cpu *cpu, const struct limits *limits, struct carver *carver)
{
    struct activations *a = &cpu->a;
    size_t n = (size_t)limits->n_rows, n_threads = (size_t)pool_n_threads(cpu->pool);
    size_t vectors = limits->kv_rank ? CPU_ABSORB_ROWS * (size_t)limits->n_heads : 0;
    int q_or_y = limits->q_width > limits->d_model ? limits->q_width : limits->d_model;
    a->q = a->y = carve(carver, n * (size_t)q_or_y, sizeof(float));
    a->k = carve(carver, n * (size_t)limits->k_width, sizeof(float));
    a->v = carve(carver, n * (size_t)limits->v_width, sizeof(float));
    a->q_low = carve(carver, n * (size_t)limits->q_rank, sizeof(float));
    a->o = carve(carver, n * (size_t)limits->o_width, sizeof(float));
    cpu->q_absorbed = carve(carver, vectors * (size_t)limits->d_k_max, sizeof(float));
    cpu->o_latent = carve(carver, vectors * (size_t)limits->kv_rank, sizeof(float));
    cpu->partial = carve(carver, attend_partial_floats(limits, (int)n_threads), sizeof(float));
}

static void layout_feed_forward(struct cpu *cpu, const struct limits *limits, struct carver *carver)
{
    struct activations *a = &cpu->a;
    size_t n = (size_t)limits->n_rows, visits = n * (size_t)limits->n_used;
    a->gated = carve(carver, n * (size_t)limits->d_ff, sizeof(float));
    a->expert_gated = carve(carver, visits * (size_t)limits->d_ff_expert, sizeof(float));
    cpu->groups = carve(carver, (size_t)limits->n_experts, sizeof *cpu->groups);
    cpu->group_rows = carve(carver, visits, sizeof *cpu->group_rows);
    cpu->group_slots = carve(carver, visits, sizeof *cpu->group_slots);
}

/* The most any one stage quantises. */
static size_t columns_bytes(const struct kernels *kernels, const struct limits *limits)
{
    int absorbed = limits->kv_rank ? CPU_ABSORB_ROWS : 0, n = limits->n_rows;
    unsigned hidden = IN_ORDER | (limits->n_experts > 0 ? LISTED : 0);
    struct column_need need = {kernels, limits->dtypes ? limits->dtypes : UINT64_MAX};
    size_t h = column_set_bytes(&need, n, 1, limits->d_model, hidden);
    size_t sets[] = {
        h + column_set_bytes(&need, n, 1, limits->q_rank, IN_ORDER),
        h + column_set_bytes(&need, n, 1, limits->o_width, IN_ORDER),
        column_set_bytes(&need, n, 1, limits->d_ff, IN_ORDER) +
            column_set_bytes(&need, n, limits->n_used, limits->d_ff_expert, LISTED),
        column_set_bytes(&need, absorbed, limits->n_heads, limits->kv_rank, LISTED),
        column_set_bytes(&need, absorbed, limits->n_heads, limits->d_nope, LISTED),
    };
    size_t most = 0;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (sets[i] > most) most = sets[i];
    return most;
}

/* In every format that a weight may want; of a list, an expert may visit few of many rows. */
static size_t column_set_bytes(const struct column_need *need, int n_rows, int per_row, int k,
                               unsigned uses)
{
    size_t bytes = 0;
    for (int f = COLUMN_F32 + 1; f < COLUMN_FORMATS; f++) {
        enum column_format format = (enum column_format)f;
        int64_t n = 0;
        if (uses & LISTED && rows_wanted(need, format, n_rows, true) > 0)
            n = n_rows;
        else if (uses & IN_ORDER)
            n = rows_wanted(need, format, n_rows, false);
        bytes += kernels_columns_bytes(format, n * per_row, (k + 255) / 256 * 256);
    }
    return bytes;
}

/* The most rows, at most n, that a kernel takes in this format together; 0: none does. */
static int rows_wanted(const struct column_need *need, enum column_format format, int n,
                       bool listed)
{
    for (; n > 0; n--)
        for (int dtype = 0; dtype < DTYPE_LIMIT; dtype++)
            if (need->dtypes >> dtype & 1 && need->kernels->narrow[dtype].run &&
                kernels_matmul(need->kernels, (enum dtype)dtype, n, listed).format == format)
                return n;
    return 0;
}

static size_t thread_bytes(const struct cpu *cpu, const struct limits *limits)
{
    struct carver carver = {0};
    size_t grouped = attend_scratch_floats(&cpu->kernels, limits);
    size_t latent = latent_scratch_floats(&cpu->kernels, limits);
    carve(&carver, cpu->kernels.scratch_bytes, 1);
    carve(&carver, cpu_tile_floats(limits), sizeof(float));
    carve(&carver, cpu_tile_floats(limits), sizeof(float));
    carve(&carver, grouped > latent ? grouped : latent, sizeof(float));
    return carver.used;
}

static void *carve(struct carver *carver, size_t n, size_t bytes_each)
{
    void *piece = carver->memory ? carver->memory + carver->used : NULL;
    carver->used += (n * bytes_each + 63) / 64 * 64;
    return piece;
}
