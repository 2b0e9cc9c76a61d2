#include "backend/cpu/cpu.h"

#include <assert.h>
#include <string.h>

static const int PREPARE_CHUNK = 1;

static void norm_row(const struct cpu *cpu, const struct norm *norm, const float *in, float *out);
static int product_tasks(const struct product *product);
static void product_tile(const struct cpu *cpu, const struct product *product, int task,
                         const struct thread_scratch *scratch);
static void slice_columns(const struct cpu *cpu, const struct weight *w, int slice,
                          struct columns *columns, struct tile *tile);
static void store_tile(const struct cpu *cpu, const struct product *product,
                       const struct tile *tile, float *out, const float *y);

void columns_want(struct cpu *cpu, struct columns *columns, const struct weight *w, int n_together)
{
    if (!w->data) return;
    enum column_format format = kernels_matmul(&cpu->kernels, w->dtype, n_together).format;
    if (format == COLUMN_F32 || columns->quantized[format]) return;
    columns->bytes[format] = kernels_column_bytes(format, columns->k);
    columns->quantized[format] = cpu->columns + cpu->columns_used;
    cpu->columns_used += columns->bytes[format] * (size_t)columns->n;
    assert(cpu->columns_used <= cpu->columns_bytes);
}

void columns_quantize(const struct cpu *cpu, const struct columns *columns, int first, int n)
{
    for (int format = 0; format < COLUMN_FORMATS; format++) {
        if (!columns->quantized[format]) continue;
        for (int c = first; c < first + n; c++)
            cpu->kernels.quantize[format](
                columns->x + (size_t)c * columns->stride,
                columns->quantized[format] + (size_t)c * columns->bytes[format], columns->k);
    }
}

void prepare_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    (void)worker;
    const struct prepare *prepare = phase->arguments;
    for (;;) {
        int row = pool_claim(&phase->counter, PREPARE_CHUNK);
        if (row >= prepare->n_rows) return;
        if (prepare->norm)
            norm_row(cpu, prepare->norm, prepare->in + (size_t)row * (size_t)prepare->width,
                     prepare->out + (size_t)row * (size_t)prepare->width);
        for (int i = 0; i < 2; i++) {
            const struct columns *columns = prepare->columns[i];
            if (!columns) continue;
            int per_row = columns->n / prepare->n_rows;
            columns_quantize(cpu, columns, row * per_row, per_row);
        }
    }
}

void products_run(struct cpu *cpu, const struct worker *worker, struct phase *phase)
{
    const struct products *products = phase->arguments;
    struct thread_scratch scratch = cpu_scratch(cpu, worker);
    int first_task = 0, i = 0; /* tasks are claimed upwards, so the search never goes back */
    for (;;) {
        int task = pool_claim(&phase->counter, 1);
        while (i < products->n && task - first_task >= product_tasks(&products->list[i]))
            first_task += product_tasks(&products->list[i++]);
        if (i == products->n) return;
        product_tile(cpu, &products->list[i], task - first_task, &scratch);
    }
}

void tile_multiply(const struct cpu *cpu, const struct tile *tile, float *y, size_t y_stride,
                   void *kernel_scratch)
{
    const struct weight *w = tile->w;
    const struct columns *columns = tile->columns;
    struct matmul_choice choice = kernels_matmul(&cpu->kernels, w->dtype, tile->n_columns);
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

static int product_tasks(const struct product *product)
{
    int tiles = (product->w->n_rows + CPU_TILE_ROWS - 1) / CPU_TILE_ROWS;
    return tiles * product->w->n_slices;
}

static void product_tile(const struct cpu *cpu, const struct product *product, int task,
                         const struct thread_scratch *scratch)
{
    const struct weight *w = product->w;
    int tiles = (w->n_rows + CPU_TILE_ROWS - 1) / CPU_TILE_ROWS;
    int slice = task / tiles, first_row = task % tiles * CPU_TILE_ROWS;
    int left = w->n_rows - first_row;
    struct columns columns = *product->columns;
    struct tile tile = {.w = w,
                        .slice = slice,
                        .first_row = first_row,
                        .n_rows = left < CPU_TILE_ROWS ? left : CPU_TILE_ROWS,
                        .columns = &columns,
                        .n_columns = columns.n};
    if (product->by_slice) slice_columns(cpu, w, slice, &columns, &tile);
    tile_multiply(cpu, &tile, scratch->tile[0], CPU_TILE_ROWS, scratch->kernel);
    for (int c = 0; c < tile.n_columns; c++) {
        size_t at = product->by_slice
                        ? (size_t)(c * w->n_slices + slice) * product->out_stride
                        : (size_t)c * product->out_stride + (size_t)slice * (size_t)w->n_rows;
        store_tile(cpu, product, &tile, product->out + at + first_row,
                   scratch->tile[0] + c * CPU_TILE_ROWS);
    }
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
    tile->column_index = w->n_slices > 1 ? cpu->slice_index : NULL;
    tile->n_columns = columns->n / w->n_slices;
}

static void store_tile(const struct cpu *cpu, const struct product *product,
                       const struct tile *tile, float *out, const float *y)
{
    if (product->add)
        cpu->kernels.add_scaled(out, y, 1.0f, tile->n_rows);
    else
        memcpy(out, y, (size_t)tile->n_rows * sizeof *out);
    if (product->bias)
        cpu->kernels.add_scaled(out,
                                product->bias + tile->slice * tile->w->n_rows + tile->first_row,
                                1.0f, tile->n_rows);
}
