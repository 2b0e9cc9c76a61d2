/* Attention over the cache with running softmax sums (arXiv 2205.14135), so that scores never leave
 * the thread. A task is a few query vectors that share a key-value head: some rows times some heads
 * of a group, so that each key is read once for all of them; many of both where a kernel takes them
 * (kernels.attend). When there are fewer tasks than threads can share, as in decode, each is also
 * split over the keys and the parts are combined. */
#include "backend/cpu/cpu.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/cut.h"

/* What a thread needs besides the kernels' own scratch; see attend_scratch_floats. */
struct room {
    float *scores, *out, *max, *sum;
    char *quantized; /* the queries, for Q8_0 keys */
};

static void task_run(struct cpu *cpu, const struct cut *cut, const struct task *task, int split,
                     float *partial, const struct thread_scratch *scratch);
static void task_few(struct cpu *cpu, const struct cut *cut, const struct task *task,
                     const struct vectors *vectors, int begin, int end, float *partial,
                     const struct thread_scratch *scratch);
static void task_many(struct cpu *cpu, const struct cut *cut, const struct task *task,
                      const struct vectors *vectors, int begin, int end, float *partial,
                      const struct thread_scratch *scratch);
static void block_queries(const struct cpu *cpu, const struct attend_problem *problem,
                          enum dtype keys, char *quantized, struct attend_block *block);
static void block_keys(const struct attend_problem *problem, const struct task *task, int first,
                       struct attend_block *block);
static void task_store(const struct cpu *cpu, const struct attend_problem *problem,
                       const struct room *room, const struct vectors *vectors);
static void parts_add(const struct cpu *cpu, const struct room *sum, const struct room *more, int n,
                      size_t d_v);
static void room_clear(const struct room *room, int n, int d_v);
static struct room room_of(const struct attend_problem *problem, float *memory);
static size_t partial_floats(const struct attend_problem *problem);
static phase_run attend_run, combine_run;

void attend_cached(struct cpu *cpu, const struct attend_problem *problem)
{
    struct cut cut;
    cut_make(cpu, problem, &cut);
    struct phase phases[] = {{.run = attend_run, .arguments = &cut},
                             {.run = combine_run, .arguments = &cut}};
    cpu_run(cpu, phases, cut.n_splits > 1 ? 2 : 1);
}

/* A room: sums, scores and the quantised queries; or what the kernel for many needs. */
size_t attend_scratch_floats(const struct kernels *kernels, const struct limits *limits)
{
    int k = (limits->d_k_max + 31) / 32 * 32;
    size_t column = kernels_column_bytes(COLUMN_Q8_32, k) / sizeof(float);
    size_t few = CPU_ATTEND_COLUMNS * (CPU_ATTEND_KEYS + (size_t)limits->d_v_max + 2 + column);
    struct attend widths = {
        .n_columns = CPU_ATTEND_MANY, .d_k = limits->d_k_max, .d_v = limits->d_v_max};
    size_t many = kernels_attend_bytes(kernels, &widths) / sizeof(float);
    return few > many ? few : many;
}

size_t attend_partial_floats(const struct limits *limits, int n_threads)
{
    size_t per_task = CPU_ATTEND_COLUMNS * ((size_t)limits->d_v_max + 2);
    return 2 * CUT_TASKS_PER_THREAD * (size_t)n_threads * per_task;
}

/* ---- running ---- */

static void attend_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    const struct cut *cut = phase->arguments;
    struct thread_scratch scratch = cpu_scratch(cpu, worker);
    struct cursor at = {0};
    for (;;) {
        int index = pool_claim(&phase->counter, 1);
        struct task task;
        if (!cut_find(cut, index / cut->n_splits, &at, &task)) return;
        float *partial = NULL;
        if (cut->n_splits > 1)
            partial = cpu->partial + (size_t)index * partial_floats(cut->problem);
        task_run(cpu, cut, &task, index % cut->n_splits, partial, &scratch);
    }
}

static void task_run(struct cpu *cpu, const struct cut *cut, const struct task *task, int split,
                     float *partial, const struct thread_scratch *scratch)
{
    struct vectors vectors;
    cut_vectors(cut, task, &vectors);
    int n_keys = vectors.positions[vectors.n - 1] + 1; /* the last row sees the most */
    int chunk = ((n_keys + cut->n_splits - 1) / cut->n_splits + 31) / 32 * 32;
    int begin = split * chunk, end = begin + chunk < n_keys ? begin + chunk : n_keys;
    (task->many ? task_many : task_few)(cpu, cut, task, &vectors, begin, end, partial, scratch);
}

static void task_few(struct cpu *cpu, const struct cut *cut, const struct task *task,
                     const struct vectors *vectors, int begin, int end, float *partial,
                     const struct thread_scratch *scratch)
{
    const struct attend_problem *problem = cut->problem;
    struct room mine = room_of(problem, scratch->attend);
    struct room room = partial ? room_of(problem, partial) : mine;
    int n_visible[CPU_ATTEND_COLUMNS], n = vectors->n;
    room_clear(&room, n, problem->d_v);
    struct attend_block block = {.n_columns = n,
                                 .n_visible = n_visible,
                                 .column_index = vectors->index,
                                 .scale = problem->scale,
                                 .scores = mine.scores,
                                 .out = room.out,
                                 .out_stride = (size_t)problem->d_v,
                                 .max = room.max,
                                 .sum = room.sum};
    block_queries(cpu, problem, task->span->kv->dtype, mine.quantized, &block);
    for (int j = begin; j < end; j += CPU_ATTEND_KEYS) {
        block_keys(problem, task, j, &block);
        block.n_keys = end - j < CPU_ATTEND_KEYS ? end - j : CPU_ATTEND_KEYS;
        for (int c = 0; c < n; c++) n_visible[c] = vectors->positions[c] + 1 - j;
        attend_fold(cpu, &block, scratch->kernel);
    }
    if (!partial) task_store(cpu, problem, &room, vectors);
}

/* Sums that are not partial go where they belong. */
static void task_many(struct cpu *cpu, const struct cut *cut, const struct task *task,
                      const struct vectors *vectors, int begin, int end, float *partial,
                      const struct thread_scratch *scratch)
{
    const struct attend_problem *problem = cut->problem;
    float max[CPU_ATTEND_MANY], sum[CPU_ATTEND_MANY];
    int32_t n_visible[CPU_ATTEND_MANY];
    struct room room = {.out = problem->o, .max = max, .sum = sum};
    if (partial) room = room_of(problem, partial);
    for (int c = 0; c < vectors->n; c++) n_visible[c] = vectors->positions[c] + 1 - begin;
    struct attend_block block;
    block_keys(problem, task, begin, &block);
    task->many(&(struct attend){.q = problem->q,
                                .column_index = vectors->index,
                                .out = room.out,
                                .output_index = partial ? NULL : vectors->index,
                                .n_columns = vectors->n,
                                .d_k = problem->d_k,
                                .d_v = problem->d_v,
                                .scale = problem->scale,
                                .k = block.k,
                                .v = block.v,
                                .k_bytes = block.k_bytes,
                                .v_bytes = block.v_bytes,
                                .n_keys = end - begin,
                                .n_visible = n_visible,
                                .base = room.max,
                                .sum = room.sum},
               scratch->attend);
    for (int c = 0; !partial && c < vectors->n; c++)
        cpu->kernels.scale(problem->o + (size_t)vectors->index[c] * (size_t)problem->d_v,
                           1.0f / sum[c], problem->d_v);
}

/* Float keys take the queries as they are, Q8_0 keys may want them quantised. */
static void block_queries(const struct cpu *cpu, const struct attend_problem *problem,
                          enum dtype keys, char *quantized, struct attend_block *block)
{
    block->columns[COLUMN_F32] = problem->q;
    block->column_bytes[COLUMN_F32] = (size_t)problem->d_k * sizeof(float);
    if (keys != DTYPE_Q8_0) return;
    size_t bytes = kernels_column_bytes(COLUMN_Q8_32, problem->d_k);
    for (int c = 0; c < block->n_columns; c++)
        cpu->kernels.quantize[COLUMN_Q8_32](problem->q + (size_t)block->column_index[c] *
                                                             (size_t)problem->d_k,
                                            quantized + (size_t)c * bytes, problem->d_k);
    block->columns[COLUMN_Q8_32] = quantized;
    block->column_bytes[COLUMN_Q8_32] = bytes;
}

/* Points the block at key `first` of the task's head. */
static void block_keys(const struct attend_problem *problem, const struct task *task, int first,
                       struct attend_block *block)
{
    const struct kv_cache *kv = task->span->kv;
    const struct kv_layer *layer = &kv->layers[problem->layer];
    size_t row = (size_t)task->kv_head * (size_t)kv->n_ctx + (size_t)first;
    block->dtype = kv->dtype;
    block->d_k = problem->d_k;
    block->d_v = problem->d_v;
    block->k_bytes = dtype_bytes(kv->dtype, problem->d_k);
    block->v_bytes = problem->latent ? block->k_bytes : dtype_bytes(kv->dtype, problem->d_v);
    block->k = (const char *)layer->k + row * block->k_bytes;
    block->v = problem->latent ? block->k : (const char *)layer->v + row * block->v_bytes;
}

static void task_store(const struct cpu *cpu, const struct attend_problem *problem,
                       const struct room *room, const struct vectors *vectors)
{
    size_t d_v = (size_t)problem->d_v;
    for (int c = 0; c < vectors->n; c++) {
        float *out = problem->o + (size_t)vectors->index[c] * d_v;
        memcpy(out, room->out + (size_t)c * d_v, d_v * sizeof *out);
        cpu->kernels.scale(out, 1.0f / room->sum[c], problem->d_v);
    }
}

/* Adds the parts of each task in the order of their keys. */
static void combine_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    (void)worker;
    const struct cut *cut = phase->arguments;
    const struct attend_problem *problem = cut->problem;
    size_t part = partial_floats(problem);
    struct cursor at = {0};
    for (;;) {
        int t = pool_claim(&phase->counter, 1);
        struct task task;
        if (!cut_find(cut, t, &at, &task)) return;
        struct vectors vectors;
        cut_vectors(cut, &task, &vectors);
        float *memory = cpu->partial + (size_t)t * (size_t)cut->n_splits * part;
        struct room sum = room_of(problem, memory);
        for (int split = 1; split < cut->n_splits; split++) {
            struct room more = room_of(problem, memory + (size_t)split * part);
            parts_add(cpu, &sum, &more, vectors.n, (size_t)problem->d_v);
        }
        task_store(cpu, problem, &sum, &vectors);
    }
}

/* Brings both to a common maximum. */
static void parts_add(const struct cpu *cpu, const struct room *sum, const struct room *more, int n,
                      size_t d_v)
{
    for (int c = 0; c < n; c++) {
        if (more->sum[c] == 0) continue; /* this part saw no keys */
        float max = fmaxf(sum->max[c], more->max[c]);
        float here = expf(sum->max[c] - max), there = expf(more->max[c] - max);
        cpu->kernels.scale(sum->out + (size_t)c * d_v, here, (int)d_v);
        cpu->kernels.add_scaled(sum->out + (size_t)c * d_v, more->out + (size_t)c * d_v, there,
                                (int)d_v);
        sum->sum[c] = sum->sum[c] * here + more->sum[c] * there;
        sum->max[c] = max;
    }
}

/* ---- memory ---- */

/* Sums come first, so that a partial result is the beginning of a room. */
static struct room room_of(const struct attend_problem *problem, float *memory)
{
    struct room room = {.max = memory, .sum = memory + CPU_ATTEND_COLUMNS};
    room.out = room.sum + CPU_ATTEND_COLUMNS;
    room.scores = room.out + CPU_ATTEND_COLUMNS * (size_t)problem->d_v;
    room.quantized = (char *)(room.scores + (size_t)CPU_ATTEND_COLUMNS * CPU_ATTEND_KEYS);
    return room;
}

static void room_clear(const struct room *room, int n, int d_v)
{
    memset(room->out, 0, (size_t)n * (size_t)d_v * sizeof *room->out);
    for (int c = 0; c < n; c++) {
        room->max[c] = -INFINITY;
        room->sum[c] = 0;
    }
}

static size_t partial_floats(const struct attend_problem *problem)
{
    return CPU_ATTEND_COLUMNS * ((size_t)problem->d_v + 2);
}
