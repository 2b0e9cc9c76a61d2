#include "model/decoder.h"

#include <math.h>

#include "backend/stage.h"

static void forward_layer(struct backend *on, const struct layer *layer, const struct batch *batch);
static bool row_is_finite(struct backend *on, int row, int width);

bool decoder_forward(const struct model *model, struct backend *on, const struct batch *batch,
                     const struct flag *stop)
{
    on->ops->embed(on, &model->embedding, batch);
    for (int i = 0; i < model->description.n_layers; i++) {
        if (flag_is_up(stop)) return false;
        forward_layer(on, &model->layers[i], batch);
    }
    return true;
}

int decoder_find_fault(const struct model *model, struct backend *on, const struct batch *batch,
                       int row)
{
    const struct description *d = &model->description;
    on->ops->embed(on, &model->embedding, batch);
    if (!row_is_finite(on, row, d->d_model)) return -1;
    for (int i = 0; i < d->n_layers; i++) {
        forward_layer(on, &model->layers[i], batch);
        if (!row_is_finite(on, row, d->d_model)) return i;
    }
    return d->n_layers;
}

/* Of the residual stream. */
static bool row_is_finite(struct backend *on, int row, int width)
{
    enum { PIECE = 256 };
    float piece[PIECE];
    const float *x = on->ops->activations(on)->x + (size_t)row * (size_t)width;
    for (int at = 0; at < width; at += PIECE) {
        int n = width - at < PIECE ? width - at : PIECE;
        on->ops->read(on, piece, x + at, (size_t)n * sizeof *piece);
        for (int i = 0; i < n; i++)
            if (!isfinite(piece[i])) return false;
    }
    return true;
}

static void forward_layer(struct backend *on, const struct layer *layer, const struct batch *batch)
{
    stage_qkv(on, &layer->attention, batch);
    stage_attend(on, &layer->attention, batch);
    stage_project(on, &layer->attention, &layer->ffn, batch->n_rows);
    stage_up(on, &layer->ffn, batch->n_rows);
    stage_down(on, &layer->ffn, batch->n_rows);
}
