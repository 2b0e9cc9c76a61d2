/* Attention over the cache with running softmax sums (arXiv 2205.14135), so that scores never leave
 * the thread. A task is a few query vectors that share a key-value head: some rows times some heads
 * of a group, so that each key is read once for all of them. When there are fewer tasks than
 * threads can share, as in decode, each is also split over the keys and the parts are combined. */
#include "backend/cpu/cpu.h"

#include <math.h>
#include <string.h>

enum { MIN_SPLIT_KEYS = 256, TASKS_PER_THREAD = 3, MAX_GROUP_COLUMNS = 32 };

/* How a problem is cut; the same for all tasks of a call. */
struct cut {
    const struct attend_problem *problem;
    int group;    /* query heads to a key-value head */
    int heads;    /* of them in one task */
    int rows;     /* of a span in one task */
    int n_splits; /* parts the keys of a task are split into */
};

struct task {
    const struct span *span;
    int first_row, n_rows; /* within the span */
    int kv_head, first_head, n_heads;
};

/* Where a thread's search for its next task stands: tasks are claimed upwards, so it never goes
 * back, and thousands of spans are walked over once. */
struct cursor {
    int span, first_task;
};

/* What a thread needs besides the kernels' own scratch; see attend_scratch_floats. */
struct room {
    float *scores, *out, *max, *sum;
    char *quantized; /* the queries, for Q8_0 keys */
};

static int visible_keys(const struct attend_block *block, int column);
static void fold_values(const struct kernels *kernels, const struct attend_block *block);
static void mix_values(const struct kernels *kernels, const struct attend_block *block,
                       int first_column, int end_column, int first_key, int end_key);
static int span_tasks(const struct cut *cut, const struct span *span);
static void cut_make(struct cpu *cpu, const struct attend_problem *problem, struct cut *cut);
static bool task_find(const struct cut *cut, int index, struct cursor *at, struct task *task);
static void task_run(struct cpu *cpu, const struct cut *cut, const struct task *task, int split,
                     float *partial, const struct thread_scratch *scratch);
static int task_columns(const struct cut *cut, const struct task *task, int32_t *index,
                        int *positions);
static void block_queries(const struct cpu *cpu, const struct attend_problem *problem,
                          enum dtype keys, char *quantized, struct attend_block *block);
static void block_keys(const struct attend_problem *problem, const struct task *task, int first,
                       struct attend_block *block);
static void task_store(const struct cpu *cpu, const struct attend_problem *problem,
                       const struct room *room, const int32_t *index, int n);
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

void attend_fold(const struct cpu *cpu, const struct attend_block *block, void *kernel_scratch)
{
    const struct kernels *kernels = &cpu->kernels;
    struct matmul_choice choice = kernels_matmul_vectors(kernels, block->dtype, block->n_columns);
    struct matmul scores = {.rows = block->k,
                            .row_bytes = block->k_bytes,
                            .k = block->d_k,
                            .columns = block->columns[choice.format],
                            .column_bytes = block->column_bytes[choice.format],
                            .column_index =
                                choice.format == COLUMN_F32 ? block->column_index : NULL,
                            .n_columns = block->n_columns,
                            .y = block->scores,
                            .y_stride = CPU_ATTEND_KEYS};
    choice.run(&scores, 0, block->n_keys, kernel_scratch);
    for (int c = 0; c < block->n_columns; c++) {
        float *p = block->scores + (size_t)c * CPU_ATTEND_KEYS;
        int n = visible_keys(block, c);
        if (n == 0) continue;
        kernels->scale(p, block->scale, n);
        float max = fmaxf(block->max[c], kernels->max(p, n));
        float shrink = expf(block->max[c] - max); /* 0 at first: the maximum begins at -infinity */
        if (shrink != 1.0f)
            kernels->scale(block->out + (size_t)c * block->out_stride, shrink, block->d_v);
        block->sum[c] = block->sum[c] * shrink + kernels->exp_sum(p, max, n);
        block->max[c] = max;
    }
    fold_values(kernels, block);
}

/* A room: sums, scores and the quantised queries. */
size_t attend_scratch_floats(const struct limits *limits)
{
    int k = (limits->d_k_max + 31) / 32 * 32;
    size_t column = kernels_column_bytes(COLUMN_Q8_32, k) / sizeof(float);
    return CPU_ATTEND_COLUMNS * (CPU_ATTEND_KEYS + (size_t)limits->d_v_max + 2 + column);
}

size_t attend_partial_floats(const struct limits *limits, int n_threads)
{
    size_t per_task = CPU_ATTEND_COLUMNS * ((size_t)limits->d_v_max + 2);
    return 2 * TASKS_PER_THREAD * (size_t)n_threads * per_task;
}

static int visible_keys(const struct attend_block *block, int column)
{
    int n = block->n_visible[column];
    return n < 0 ? 0 : n < block->n_keys ? n : block->n_keys;
}

/* No sum reads a value that its row does not see: a weight of 0 would not keep out the infinity or
 * NaN of a later row. Columns are in the order of their rows, so the first sees the fewest keys;
 * what lies behind those is added row by row. */
static void fold_values(const struct kernels *kernels, const struct attend_block *block)
{
    int common = visible_keys(block, 0);
    mix_values(kernels, block, 0, block->n_columns, 0, common);
    for (int first = 0, end; first < block->n_columns; first = end) {
        int n = visible_keys(block, first);
        for (end = first + 1; end < block->n_columns && visible_keys(block, end) == n;) end++;
        if (n > common) mix_values(kernels, block, first, end, common, n);
    }
}

static void mix_values(const struct kernels *kernels, const struct attend_block *block,
                       int first_column, int end_column, int first_key, int end_key)
{
    size_t column = (size_t)first_column, key = (size_t)first_key;
    kernels->mix[block->dtype](block->out + column * block->out_stride, block->out_stride,
                               block->scores + column * CPU_ATTEND_KEYS + key, CPU_ATTEND_KEYS,
                               end_column - first_column, block->v + key * block->v_bytes,
                               block->v_bytes, end_key - first_key, block->d_v);
}

/* ---- cutting ---- */

static void cut_make(struct cpu *cpu, const struct attend_problem *problem, struct cut *cut)
{
    int group = problem->n_heads / problem->n_kv_heads;
    int heads = group < MAX_GROUP_COLUMNS ? group : MAX_GROUP_COLUMNS;
    *cut = (struct cut){.problem = problem,
                        .group = group,
                        .heads = heads,
                        .rows = CPU_ATTEND_COLUMNS / heads,
                        .n_splits = 1};
    int n_tasks = 0, n_keys = 0;
    for (int s = 0; s < problem->n_spans; s++) {
        const struct span *span = &problem->spans[s];
        n_tasks += span_tasks(cut, span);
        if (span->first_position + span->n_rows > n_keys)
            n_keys = span->first_position + span->n_rows;
    }
    int wanted = TASKS_PER_THREAD * pool_n_threads(cpu->pool);
    if (n_tasks >= wanted) return;
    int splits = (wanted + n_tasks - 1) / n_tasks, most = n_keys / MIN_SPLIT_KEYS;
    cut->n_splits = splits < most ? splits : most > 1 ? most : 1;
}

static int span_tasks(const struct cut *cut, const struct span *span)
{
    int row_blocks = (span->n_rows + cut->rows - 1) / cut->rows;
    int head_blocks = (cut->group + cut->heads - 1) / cut->heads;
    return row_blocks * head_blocks * cut->problem->n_kv_heads;
}

/* Late rows see the most keys, so they come first: the last task to finish is a short one. */
static bool task_find(const struct cut *cut, int index, struct cursor *at, struct task *task)
{
    const struct attend_problem *problem = cut->problem;
    while (at->span < problem->n_spans) {
        int n_tasks = span_tasks(cut, &problem->spans[at->span]);
        if (index - at->first_task < n_tasks) break;
        at->first_task += n_tasks;
        at->span++;
    }
    if (at->span == problem->n_spans) return false;
    index -= at->first_task;
    const struct span *span = &problem->spans[at->span];
    int head_blocks = (cut->group + cut->heads - 1) / cut->heads;
    int per_row_block = head_blocks * problem->n_kv_heads;
    int row_blocks = (span->n_rows + cut->rows - 1) / cut->rows;
    int row_block = row_blocks - 1 - index / per_row_block, rest = index % per_row_block;
    int head = rest % head_blocks * cut->heads;
    *task =
        (struct task){.span = span,
                      .first_row = row_block * cut->rows,
                      .kv_head = rest / head_blocks,
                      .n_heads = cut->group - head < cut->heads ? cut->group - head : cut->heads};
    task->first_head = task->kv_head * cut->group + head;
    task->n_rows =
        span->n_rows - task->first_row < cut->rows ? span->n_rows - task->first_row : cut->rows;
    return true;
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
        if (!task_find(cut, index / cut->n_splits, &at, &task)) return;
        float *partial = NULL;
        if (cut->n_splits > 1)
            partial = cpu->partial + (size_t)index * partial_floats(cut->problem);
        task_run(cpu, cut, &task, index % cut->n_splits, partial, &scratch);
    }
}

static void task_run(struct cpu *cpu, const struct cut *cut, const struct task *task, int split,
                     float *partial, const struct thread_scratch *scratch)
{
    const struct attend_problem *problem = cut->problem;
    struct room room = room_of(problem, scratch->attend);
    int32_t index[CPU_ATTEND_COLUMNS];
    int positions[CPU_ATTEND_COLUMNS], n_visible[CPU_ATTEND_COLUMNS];
    int n = task_columns(cut, task, index, positions);
    int n_keys = positions[n - 1] + 1; /* the last row sees the most */
    int chunk = ((n_keys + cut->n_splits - 1) / cut->n_splits + 31) / 32 * 32;
    int begin = split * chunk, end = begin + chunk < n_keys ? begin + chunk : n_keys;

    struct attend_block block = {.n_columns = n,
                                 .n_visible = n_visible,
                                 .column_index = index,
                                 .scale = problem->scale,
                                 .scores = room.scores};
    if (partial) room = room_of(problem, partial);
    room_clear(&room, n, problem->d_v);
    block.out = room.out;
    block.out_stride = (size_t)problem->d_v;
    block.max = room.max;
    block.sum = room.sum;
    block_queries(cpu, problem, task->span->kv->dtype, room_of(problem, scratch->attend).quantized,
                  &block);
    for (int j = begin; j < end; j += CPU_ATTEND_KEYS) {
        block_keys(problem, task, j, &block);
        block.n_keys = end - j < CPU_ATTEND_KEYS ? end - j : CPU_ATTEND_KEYS;
        for (int c = 0; c < n; c++) n_visible[c] = positions[c] + 1 - j;
        attend_fold(cpu, &block, scratch->kernel);
    }
    if (!partial) task_store(cpu, problem, &room, index, n);
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

/* The query vectors of a task, row by row, with their positions; returns how many. */
static int task_columns(const struct cut *cut, const struct task *task, int32_t *index,
                        int *positions)
{
    const struct attend_problem *problem = cut->problem;
    int n = 0, base = task->span->first_row - problem->spans[0].first_row;
    for (int row = task->first_row; row < task->first_row + task->n_rows; row++)
        for (int head = task->first_head; head < task->first_head + task->n_heads; head++) {
            index[n] = (base + row) * problem->n_heads + head;
            positions[n++] = task->span->first_position + row;
        }
    return n;
}

static void task_store(const struct cpu *cpu, const struct attend_problem *problem,
                       const struct room *room, const int32_t *index, int n)
{
    size_t d_v = (size_t)problem->d_v;
    for (int c = 0; c < n; c++) {
        float *out = problem->o + (size_t)index[c] * d_v;
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
        if (!task_find(cut, t, &at, &task)) return;
        int32_t index[CPU_ATTEND_COLUMNS];
        int positions[CPU_ATTEND_COLUMNS];
        int n = task_columns(cut, &task, index, positions);
        float *memory = cpu->partial + (size_t)t * (size_t)cut->n_splits * part;
        struct room sum = room_of(problem, memory);
        for (int split = 1; split < cut->n_splits; split++) {
            struct room more = room_of(problem, memory + (size_t)split * part);
            parts_add(cpu, &sum, &more, n, (size_t)problem->d_v);
        }
        task_store(cpu, problem, &sum, index, n);
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
