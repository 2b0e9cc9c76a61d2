#include "backend/cpu/cpu.h"

#include <assert.h>
#include <string.h>

static void norm_row(const struct cpu *cpu, const struct norm *norm, const float *in, float *out);
static int product_tasks(const struct cpu *cpu, const struct product *product);
static void product_tile(const struct cpu *cpu, const struct product *product, int task,
                         const struct thread_scratch *scratch);
static void slice_columns(const struct cpu *cpu, const struct weight *w, int slice,
                          struct columns *columns, struct tile *tile);

void columns_want(struct cpu *cpu, struct columns *columns, const struct weight *w, int n_together,
                  bool listed)
{
    if (!w->data) return;
    enum column_format format = kernels_matmul(&cpu->kernels, w->dtype, n_together, listed).format;
    if (format == COLUMN_F32 || columns->quantized[format]) return;
    columns->bytes[format] = kernels_column_bytes(format, columns->k);
    columns->quantized[format] = cpu->columns + cpu->columns_used;
    cpu->columns_used += kernels_columns_bytes(format, columns->n, columns->k);
    assert(cpu->columns_used <= cpu->columns_bytes);
}

void columns_quantize(const struct cpu *cpu, const struct columns *columns, int first, int n)
{
    for (int format = 0; format < COLUMN_FORMATS; format++) {
        if (!columns->quantized[format]) continue;
        bool paired = column_is_paired((enum column_format)format);
        int step = paired ? COLUMNS_PAIRED : 1;
        for (int c = first; c < first + n; c += step) {
            const float *x = columns->x + (size_t)c * columns->stride;
            char *out = columns->quantized[format] + (size_t)c * columns->bytes[format];
            int left = first + n - c;
            if (paired)
                cpu->kernels.pair[format](x, columns->stride, left < step ? left : step, out,
                                          columns->k);
            else
                cpu->kernels.quantize[format](x, out, columns->k);
        }
    }
}

static bool columns_are_paired(const struct columns *columns)
{
    return columns &&
           (columns->quantized[COLUMN_BF16_PAIRS] || columns->quantized[COLUMN_SPLIT_PAIRS]);
}

/* Rows of one task: those of a group of columns stay together. */
static int prepare_chunk(const struct prepare *prepare)
{
    for (int i = 0; i < 2; i++)
        if (columns_are_paired(prepare->columns[i])) return COLUMNS_PAIRED;
    return 1;
}

void prepare_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    (void)worker;
    const struct prepare *prepare = phase->arguments;
    int chunk = prepare_chunk(prepare);
    for (;;) {
        int first = pool_claim(&phase->counter, chunk);
        if (first >= prepare->n_rows) return;
        int n = prepare->n_rows - first < chunk ? prepare->n_rows - first : chunk;
        for (int row = first; prepare->norm && row < first + n; row++)
            norm_row(cpu, prepare->norm, prepare->in + (size_t)row * (size_t)prepare->width,
                     prepare->out + (size_t)row * (size_t)prepare->width);
        for (int i = 0; i < 2; i++) {
            const struct columns *columns = prepare->columns[i];
            if (!columns) continue;
            int per_row = columns->n / prepare->n_rows;
            columns_quantize(cpu, columns, first * per_row, n * per_row);
        }
    }
}

void products_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    const struct products *products = phase->arguments;
    struct thread_scratch scratch = cpu_scratch(cpu, worker);
    int n_tasks = 0, first_task = 0, task;
    for (int i = 0; i < products->n; i++) n_tasks += product_tasks(cpu, &products->list[i]);
    struct pool_share share = pool_share_open(worker, &phase->counter, n_tasks);
    const struct product *product = products->list; /* tasks are claimed upwards */
    while ((task = pool_share_next(&share)) >= 0) {
        while (task - first_task >= product_tasks(cpu, product))
            first_task += product_tasks(cpu, product++);
        product_tile(cpu, product, task - first_task, &scratch);
    }
}

void tile_multiply(const struct cpu *cpu, const struct tile *tile, float *y, size_t y_stride,
                   void *kernel_scratch)
{
    const struct weight *w = tile->w;
    const struct columns *columns = tile->columns;
    struct matmul_choice choice =
        kernels_matmul(&cpu->kernels, w->dtype, tile->n_columns, tile->column_index != NULL);
    bool floats = choice.format == COLUMN_F32;
    struct matmul m = {
        .rows = (const char *)weight_slice(w, tile->slice) + (size_t)tile->first_row * w->row_bytes,
        .row_bytes = w->row_bytes,
        .k = w->n_cols,
        .columns = floats ? (const void *)columns->x : columns->quantized[choice.format],
        .column_bytes = floats ? columns->stride * sizeof(float) : columns->bytes[choice.format],
        .column_index = tile->column_index,
        .output_index = tile->output_index,
        .n_columns = tile->n_columns,
        .y = y,
        .y_stride = y_stride,
    };
    choice.run(&m, 0, tile->n_rows, kernel_scratch);
}

static void norm_row(const struct cpu *cpu, const struct norm *norm, const float *in, float *out)
{
    if (norm->kind == NORM_RMS)
        cpu->kernels.rms_norm(in, norm->weight, norm->eps, out, norm->n);
    else if (norm->kind == NORM_LAYER)
        cpu->kernels.layer_norm(in, norm->weight, norm->bias, norm->eps, out, norm->n);
}

int cpu_tile_rows(const struct cpu *cpu, enum dtype dtype, int64_t n_rows, int n_columns)
{
    enum { TASKS_PER_THREAD = 4 };
    bool many = kernels_take_many(&cpu->kernels, dtype, n_columns);
    bool wide = kernels_take_wide(&cpu->kernels, dtype, n_columns);
    int rows = many ? MANY_TASK_ROWS : wide ? WIDE_TASK_ROWS : NARROW_TASK_ROWS;
    int least = many ? MANY_PANEL_ROWS : LEAST_TASK_ROWS;
    while (rows > least && n_rows < (int64_t)rows * TASKS_PER_THREAD * cpu->base.n_threads)
        rows /= 2;
    return rows;
}

static int rows_of_task(const struct cpu *cpu, const struct product *product)
{
    int n_together = product->columns->n / (product->by_slice ? product->w->n_slices : 1);
    return cpu_tile_rows(cpu, product->w->dtype, weight_outputs(product->w), n_together);
}

static int product_tasks(const struct cpu *cpu, const struct product *product)
{
    int rows = rows_of_task(cpu, product);
    return (product->w->n_rows + rows - 1) / rows * product->w->n_slices;
}

/* Results go where they belong, unless they are to be added to what is there. */
static void product_tile(const struct cpu *cpu, const struct product *product, int task,
                         const struct thread_scratch *scratch)
{
    const struct weight *w = product->w;
    int rows = rows_of_task(cpu, product), tiles = (w->n_rows + rows - 1) / rows;
    int slice = task / tiles, first_row = task % tiles * rows, left = w->n_rows - first_row;
    struct columns columns = *product->columns;
    struct tile tile = {.w = w,
                        .slice = slice,
                        .first_row = first_row,
                        .n_rows = left < rows ? left : rows,
                        .columns = &columns,
                        .n_columns = columns.n};
    size_t stride = product->out_stride * (size_t)(product->by_slice ? w->n_slices : 1);
    float *out = product->out + first_row +
                 (size_t)slice * (product->by_slice ? product->out_stride : (size_t)w->n_rows);
    if (product->by_slice) slice_columns(cpu, w, slice, &columns, &tile);
    if (product->add) {
        tile_multiply(cpu, &tile, scratch->tile[0], (size_t)rows, scratch->kernel);
        for (int c = 0; c < tile.n_columns; c++)
            cpu->kernels.add_scaled(out + (size_t)c * stride,
                                    scratch->tile[0] + (size_t)c * (size_t)rows, 1.0f, tile.n_rows);
    } else {
        tile_multiply(cpu, &tile, out, stride, scratch->kernel);
    }
    const float *bias = product->bias ? product->bias + slice * w->n_rows + first_row : NULL;
    for (int c = 0; bias && c < tile.n_columns; c++)
        cpu->kernels.add_scaled(out + (size_t)c * stride, bias, 1.0f, tile.n_rows);
}

/* Column c = row * n_slices + slice: slice_index picks every n_slices-th column, counted from the
 * slice's own first one. Only heads are such slices. */
static void slice_columns(const struct cpu *cpu, const struct weight *w, int slice,
                          struct columns *columns, struct tile *tile)
{
    columns->x += (size_t)slice * columns->stride;
    for (int format = 0; format < COLUMN_FORMATS; format++)
        if (columns->quantized[format])
            columns->quantized[format] += (size_t)slice * columns->bytes[format];
    tile->column_index = cpu->slice_index;
    tile->n_columns = columns->n / w->n_slices;
}
