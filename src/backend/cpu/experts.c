#include "backend/cpu/cpu.h"

/* A task is a tile of rows of one network: of the dense (or shared) one, or of one expert together
 * with all rows that visit it, so that a weight is read once for all of them. */

static void add_bias(const struct cpu *cpu, const struct tile *part, const float *bias, float *y,
                     size_t stride);
static void gate_tile(const struct cpu *cpu, const struct gate *gate,
                      const struct thread_scratch *scratch, const struct expert_group *group,
                      int first_row, int rows);
static void mix_dense(const struct cpu *cpu, const struct mix *mix,
                      const struct thread_scratch *scratch, int first_row, int rows);
static void mix_group(const struct cpu *cpu, const struct mix *mix,
                      const struct thread_scratch *scratch, const struct expert_group *group,
                      int first_row, int rows);
static int rows_for_groups(const struct cpu *cpu, enum dtype dtype, int rows, int64_t n_rows);
static int n_tiles(int n_rows, int rows);

void gate_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    const struct gate *gate = phase->arguments;
    struct thread_scratch scratch = cpu_scratch(cpu, worker);
    const struct gated *dense = &gate->ffn->dense, *experts = &gate->ffn->experts;
    int dense_rows = cpu_tile_rows(cpu, dense->gate.dtype, dense->d_ff, gate->columns->n);
    int dense_tiles = gate->dense ? n_tiles(dense->d_ff, dense_rows) : 0;
    int expert_rows = 0, expert_tiles = 0, n_tasks = dense_tiles;
    if (gate->experts) {
        int64_t all_rows = (int64_t)experts->d_ff * cpu->n_groups;
        expert_rows = cpu_tile_rows(cpu, experts->gate.dtype, all_rows, gate->columns->n);
        expert_rows = rows_for_groups(cpu, experts->gate.dtype, expert_rows, all_rows);
        expert_tiles = n_tiles(experts->d_ff, expert_rows);
        n_tasks += cpu->n_groups * expert_tiles;
    }
    struct pool_share share = pool_share_open(worker, &phase->counter, n_tasks);
    int task;
    while ((task = pool_share_next(&share)) >= 0) {
        if (task < dense_tiles) {
            gate_tile(cpu, gate, &scratch, NULL, task * dense_rows, dense_rows);
        } else {
            task -= dense_tiles;
            gate_tile(cpu, gate, &scratch, &cpu->groups[task / expert_tiles],
                      task % expert_tiles * expert_rows, expert_rows);
        }
    }
}

/* One task owns a stripe of the residual for all rows, so experts are added without a buffer of
 * their outputs, without locks and in the same order on every run. */
void mix_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    const struct mix *mix = phase->arguments;
    struct thread_scratch scratch = cpu_scratch(cpu, worker);
    const struct gated *widest = mix->experts ? &mix->ffn->experts : &mix->ffn->dense;
    enum dtype dtype = widest->down.dtype;
    int d_model = cpu->limits.d_model, rows = cpu_tile_rows(cpu, dtype, d_model, cpu->n_rows);
    int stripe = mix->experts ? rows_for_groups(cpu, dtype, rows, d_model) : rows;
    struct pool_share share = pool_share_open(worker, &phase->counter, n_tiles(d_model, stripe));
    int task;
    while ((task = pool_share_next(&share)) >= 0) {
        int first = task * stripe, left = d_model - first;
        if (left > stripe) left = stripe;
        for (int r = 0; mix->dense && r < left; r += rows)
            mix_dense(cpu, mix, &scratch, first + r, left - r < rows ? left - r : rows);
        for (int g = 0; mix->experts && g < cpu->n_groups; g++)
            mix_group(cpu, mix, &scratch, &cpu->groups[g], first, left);
    }
}

/* Kernels of matrices bring the columns of a group together for every task anew, so the fewer they
 * are the more rows a task has: as many as the scratch holds results for, as long as every thread
 * finds some tasks. */
static int rows_for_groups(const struct cpu *cpu, enum dtype dtype, int rows, int64_t n_rows)
{
    enum { TASKS_PER_THREAD = 6 };
    int most_columns = 1;
    for (int g = 0; g < cpu->n_groups; g++)
        if (cpu->groups[g].n > most_columns) most_columns = cpu->groups[g].n;
    if (!kernels_take_many(&cpu->kernels, dtype, most_columns)) return rows;
    most_columns = (most_columns + COLUMNS_PAIRED - 1) / COLUMNS_PAIRED * COLUMNS_PAIRED;
    int64_t room = (int64_t)cpu_tile_floats(&cpu->limits) / most_columns;
    int64_t share = n_rows / (TASKS_PER_THREAD * cpu->base.n_threads);
    int64_t most_rows = (share < room ? share : room) / MANY_PANEL_ROWS * MANY_PANEL_ROWS;
    return most_rows > rows ? (int)most_rows : rows;
}

static int n_tiles(int n_rows, int rows)
{
    return (n_rows + rows - 1) / rows;
}

static struct tile tile_of(const struct weight *w, int slice, int first_row, int rows,
                           const struct columns *columns)
{
    int left = w->n_rows - first_row;
    return (struct tile){.w = w,
                         .slice = slice,
                         .first_row = first_row,
                         .n_rows = left < rows ? left : rows,
                         .columns = columns,
                         .n_columns = columns->n};
}

/* To every column of a tile; bias [n_rows of the matrix], NULL: none. */
static void add_bias(const struct cpu *cpu, const struct tile *part, const float *bias, float *y,
                     size_t stride)
{
    for (int c = 0; bias && c < part->n_columns; c++)
        cpu->kernels.add_scaled(y + (size_t)c * stride, bias + part->first_row, 1.0f, part->n_rows);
}

static void gate_tile(const struct cpu *cpu, const struct gate *gate,
                      const struct thread_scratch *scratch, const struct expert_group *group,
                      int first_row, int rows)
{
    const struct gated *network = group ? &gate->ffn->experts : &gate->ffn->dense;
    int slice = group ? group->expert : 0;
    const struct weight *pair[2] = {&network->gate, &network->up};
    const float *biases[2] = {network->gate_bias, network->up_bias};
    struct tile part = {0};
    for (int i = 0; i < 2; i++) {
        part = tile_of(pair[i], slice, first_row, rows, gate->columns);
        if (group) {
            part.column_index = cpu->group_rows + group->first;
            part.n_columns = group->n;
        }
        tile_multiply(cpu, &part, scratch->tile[i], (size_t)rows, scratch->kernel);
        add_bias(cpu, &part, biases[i], scratch->tile[i], (size_t)rows);
    }
    for (int c = 0; c < part.n_columns; c++) {
        size_t row = group ? (size_t)cpu->group_slots[group->first + c] : (size_t)c;
        float *out = (group ? cpu->a.expert_gated : cpu->a.gated) + row * (size_t)network->d_ff;
        size_t column = (size_t)c * (size_t)rows;
        cpu->kernels.silu_mul(scratch->tile[0] + column, scratch->tile[1] + column,
                              out + part.first_row, part.n_rows);
    }
}

static void mix_dense(const struct cpu *cpu, const struct mix *mix,
                      const struct thread_scratch *scratch, int first_row, int rows)
{
    struct tile part = tile_of(&mix->ffn->dense.down, 0, first_row, rows, mix->dense);
    float *x = cpu->a.x + first_row;
    tile_multiply(cpu, &part, scratch->tile[0], (size_t)rows, scratch->kernel);
    add_bias(cpu, &part, mix->ffn->dense.down_bias, scratch->tile[0], (size_t)rows);
    for (int c = 0; c < part.n_columns; c++)
        cpu->kernels.add_scaled(x + (size_t)c * (size_t)cpu->limits.d_model,
                                scratch->tile[0] + (size_t)c * (size_t)rows, 1.0f, part.n_rows);
}

static void mix_group(const struct cpu *cpu, const struct mix *mix,
                      const struct thread_scratch *scratch, const struct expert_group *group,
                      int first_row, int rows)
{
    struct tile part =
        tile_of(&mix->ffn->experts.down, group->expert, first_row, rows, mix->experts);
    float *x = cpu->a.x + first_row;
    part.column_index = cpu->group_slots + group->first;
    part.n_columns = group->n;
    tile_multiply(cpu, &part, scratch->tile[0], (size_t)rows, scratch->kernel);
    for (int c = 0; c < group->n; c++) {
        int row = cpu->group_rows[group->first + c], slot = cpu->group_slots[group->first + c];
        cpu->kernels.add_scaled(x + (size_t)row * (size_t)cpu->limits.d_model,
                                scratch->tile[0] + (size_t)c * (size_t)rows,
                                cpu->a.expert_weights[slot], part.n_rows);
    }
}
