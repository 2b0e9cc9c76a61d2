#include "model/decoder.h"

#include "backend/stage.h"

static void forward_layer(struct backend *on, const struct layer *layer, const struct batch *batch);

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

static void forward_layer(struct backend *on, const struct layer *layer, const struct batch *batch)
{
    stage_qkv(on, &layer->attention, batch);
    stage_attend(on, &layer->attention, batch);
    stage_project(on, &layer->attention, &layer->ffn, batch->n_rows);
    stage_up(on, &layer->ffn, batch->n_rows);
    stage_down(on, &layer->ffn, batch->n_rows);
}
