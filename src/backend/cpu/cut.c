#include "backend/cpu/cut.h"

enum { MIN_SPLIT_KEYS = 256, MAX_GROUP_COLUMNS = 32 };

static struct piece piece_of(int columns, int group, int most_heads);
static attend_kernel *span_kernel(const struct cut *cut, const struct span *span);
static struct piece span_piece(const struct cut *cut, const struct span *span);
static int span_tasks(const struct cut *cut, const struct span *span);

void cut_make(const struct cpu *cpu, const struct attend_problem *problem, struct cut *cut)
{
    int group = problem->n_heads / problem->n_kv_heads, n_tasks;
    int wanted = CUT_TASKS_PER_THREAD * pool_n_threads(cpu->pool);
    *cut = (struct cut){.problem = problem,
                        .group = group,
                        .few = piece_of(CPU_ATTEND_COLUMNS, group, MAX_GROUP_COLUMNS),
                        .kernels = cpu->kernels.attend,
                        .many_from = cpu->kernels.attend_from,
                        .n_splits = 1};
    for (int columns = CPU_ATTEND_MANY; columns >= CPU_ATTEND_COLUMNS; columns /= 2) {
        cut->many = piece_of(columns, group, columns);
        n_tasks = 0;
        for (int s = 0; s < problem->n_spans; s++) n_tasks += span_tasks(cut, &problem->spans[s]);
        if (n_tasks >= wanted) return;
    }
    int n_keys = 0;
    for (int s = 0; s < problem->n_spans; s++) {
        const struct span *span = &problem->spans[s];
        if (span->first_position + span->n_rows > n_keys)
            n_keys = span->first_position + span->n_rows;
    }
    int splits = (wanted + n_tasks - 1) / n_tasks, most = n_keys / MIN_SPLIT_KEYS;
    cut->n_splits = splits < most ? splits : most > 1 ? most : 1;
}

bool cut_find(const struct cut *cut, int index, struct cursor *at, struct task *task)
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
    struct piece piece = span_piece(cut, span);
    int head_blocks = (cut->group + piece.heads - 1) / piece.heads;
    int per_row_block = head_blocks * problem->n_kv_heads;
    int row_blocks = (span->n_rows + piece.rows - 1) / piece.rows;
    int row_block = row_blocks - 1 - index / per_row_block, rest = index % per_row_block;
    int first_row = row_block * piece.rows, rows_left = span->n_rows - first_row;
    int head = rest % head_blocks * piece.heads, heads_left = cut->group - head;
    int kv_head = rest / head_blocks;
    *task = (struct task){.span = span,
                          .many = span_kernel(cut, span),
                          .first_row = first_row,
                          .n_rows = rows_left < piece.rows ? rows_left : piece.rows,
                          .kv_head = kv_head,
                          .first_head = kv_head * cut->group + head,
                          .n_heads = heads_left < piece.heads ? heads_left : piece.heads};
    return true;
}

void cut_vectors(const struct cut *cut, const struct task *task, struct vectors *vectors)
{
    const struct attend_problem *problem = cut->problem;
    int n = 0, base = task->span->first_row - problem->spans[0].first_row;
    for (int row = task->first_row; row < task->first_row + task->n_rows; row++)
        for (int head = task->first_head; head < task->first_head + task->n_heads; head++) {
            vectors->index[n] = (base + row) * problem->n_heads + head;
            vectors->positions[n++] = task->span->first_position + row;
        }
    vectors->n = n;
}

static struct piece piece_of(int columns, int group, int most_heads)
{
    int heads = group < most_heads ? group : most_heads;
    return (struct piece){heads, columns / heads};
}

/* NULL: the vectors of a span are too few, or the type of its cache or its widths have no such
 * kernel. */
static attend_kernel *span_kernel(const struct cut *cut, const struct span *span)
{
    const struct attend_problem *problem = cut->problem;
    if (span->n_rows * cut->group < cut->many_from[span->kv->dtype]) return NULL;
    if (problem->latent && problem->d_v % 32 != 0) return NULL;
    return cut->kernels[span->kv->dtype];
}

static struct piece span_piece(const struct cut *cut, const struct span *span)
{
    return span_kernel(cut, span) ? cut->many : cut->few;
}

static int span_tasks(const struct cut *cut, const struct span *span)
{
    struct piece piece = span_piece(cut, span);
    int row_blocks = (span->n_rows + piece.rows - 1) / piece.rows;
    int head_blocks = (cut->group + piece.heads - 1) / piece.heads;
    return row_blocks * head_blocks * cut->problem->n_kv_heads;
}
