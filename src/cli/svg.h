/* A picture as a text of SVG that stands alone: it has its own background and styles, for light and
 * dark. Classes name what a thing is; the style sheet in svg.c says how that looks. */
#pragma once

#include "base/buffer.h"
#include "heft.h"

/* `description` is read out where the picture cannot be seen. */
void svg_begin(struct buffer *svg, double width, double height, const char *title,
               const char *description);
void svg_end(struct buffer *svg);

void svg_rect(struct buffer *svg, const char *class, double x, double y, double width,
              double height);
void svg_line(struct buffer *svg, const char *class, double x1, double y1, double x2, double y2);
void svg_text(struct buffer *svg, const char *class, double x, double y, const char *text);

/* What is drawn until svg_group_end has this title, which viewers show under the pointer. */
void svg_group(struct buffer *svg, const char *class, const char *title);
void svg_group_end(struct buffer *svg);

/* To a file, which has the whole picture or is not touched, or to standard output for "-". Frees
 * the buffer in any case. */
heft_status svg_save(struct buffer *svg, const char *path, heft_error *error);
