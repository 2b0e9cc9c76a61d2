#include "cli/svg.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/file.h"

static void escape(struct buffer *svg, const char *text);

/* Colours that are told apart with any kind of colour blindness; overshoot is also hatched. */
static const char style_sheet[] =
    "text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:12px;"
    "fill:#1f2933}"
    ".title{font-size:22px;font-weight:600}.strong{font-weight:600}.large{font-size:15px}"
    ".soft{fill:#5b6773}.end{text-anchor:end}.middle{text-anchor:middle}"
    ".good{fill:#04724d}.fair{fill:#8a5a00}.bad{fill:#b3261e}"
    ".page{fill:#ffffff}.stripe{fill:#f5f7f9}.rule{stroke:#d5dbe1}"
    ".limit{stroke:#1f2933;stroke-width:2}.outline{fill:none;stroke:#8794a1}"
    ".attention{fill:#56a5dd}.feed-forward{fill:#1f77b4}.experts{fill:#0b5394}.other{fill:#9ccbeb}"
    ".weights{fill:#1f77b4}.cache{fill:#e69f00}.scratch{fill:#cc79a7}.free{fill:#e6ebf0}"
    ".reserve{fill:url(#hatch)}.hatch-ground{fill:#c9d1d9}.hatch-line{stroke:#8794a1}"
    ".beyond{fill:url(#cross)}.cross-ground{fill:#d1382c}.cross-line{stroke:#f7b3aa}"
    ".too-large{fill:#efc4bf}"
    "@media (prefers-color-scheme:dark){"
    "text{fill:#e6edf3}.soft{fill:#9aa7b4}.good{fill:#5fd0a4}.fair{fill:#f0b84a}.bad{fill:#ff8a80}"
    ".page{fill:#12181f}.stripe{fill:#1a222b}.rule{stroke:#33404d}.limit{stroke:#f5f7f9}"
    ".outline{stroke:#6b7885}.free{fill:#2b3641}.hatch-ground{fill:#3b4855}"
    ".hatch-line{stroke:#6b7885}.attention{fill:#6cb6ea}.feed-forward{fill:#3a8fd0}"
    ".experts{fill:#2568ad}.weights{fill:#3a8fd0}"
    ".too-large{fill:#6b3a38}.cross-ground{fill:#c8453a}}";

static const char patterns[] =
    "<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
    "patternTransform=\"rotate(45)\"><rect class=\"hatch-ground\" width=\"6\" height=\"6\"/>"
    "<line class=\"hatch-line\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern>\n"
    "<pattern id=\"cross\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
    "patternTransform=\"rotate(-45)\"><rect class=\"cross-ground\" width=\"6\" height=\"6\"/>"
    "<line class=\"cross-line\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern></defs>\n";

void svg_begin(struct buffer *svg, double width, double height, const char *title,
               const char *description)
{
    buffer_format(svg,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                  "viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-labelledby=\"title description\">\n",
                  width, height, width, height);
    buffer_text(svg, "<title id=\"title\">");
    escape(svg, title);
    buffer_text(svg, "</title>\n<desc id=\"description\">");
    escape(svg, description);
    buffer_format(svg, "</desc>\n<style>%s</style>\n%s", style_sheet, patterns);
    svg_rect(svg, "page", 0, 0, width, height);
}

void svg_end(struct buffer *svg)
{
    buffer_text(svg, "</svg>\n");
}

void svg_rect(struct buffer *svg, const char *class, double x, double y, double width,
              double height)
{
    buffer_format(svg,
                  "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n",
                  class, x, y, width, height);
}

void svg_line(struct buffer *svg, const char *class, double x1, double y1, double x2, double y2)
{
    buffer_format(svg, "<line class=\"%s\" x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\"/>\n",
                  class, x1, y1, x2, y2);
}

void svg_text(struct buffer *svg, const char *class, double x, double y, const char *text)
{
    buffer_format(svg, "<text class=\"%s\" x=\"%.2f\" y=\"%.2f\">", class, x, y);
    escape(svg, text);
    buffer_text(svg, "</text>\n");
}

void svg_group(struct buffer *svg, const char *class, const char *title)
{
    buffer_format(svg, "<g class=\"%s\"><title>", class);
    escape(svg, title);
    buffer_text(svg, "</title>\n");
}

void svg_group_end(struct buffer *svg)
{
    buffer_text(svg, "</g>\n");
}

heft_status svg_save(struct buffer *svg, const char *path, heft_error *error)
{
    struct stat info;
    heft_status status = HEFT_OK;
    if (svg->failed)
        status = error_set(error, HEFT_INTERNAL, "no memory for the picture");
    else if (strcmp(path, "-") == 0)
        fwrite(svg->data, 1, svg->n_bytes, stdout);
    else if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        /* A rename would put the file in the place of a device. */
        status = error_set(error, HEFT_USAGE,
                           "%s: is no regular file; --svg - writes to standard output", path);
    else
        status = file_write(path, svg->data, svg->n_bytes, error);
    buffer_free(svg);
    return status;
}

/* What XML has no place for, or is no UTF-8, becomes U+FFFD. */
static void escape(struct buffer *svg, const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;
    while (*at) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = utf8proc_iterate(at, -1, &point);
        bool allowed = n > 0 && (point >= 0x20 || point == '\t') && point != 0xfffe &&
                       point != 0xffff && (point < 0x7f || point > 0x9f);
        if (!allowed)
            buffer_text(svg, replacement);
        else if (point == '<')
            buffer_text(svg, "&lt;");
        else if (point == '>')
            buffer_text(svg, "&gt;");
        else if (point == '&')
            buffer_text(svg, "&amp;");
        else if (point == '"')
            buffer_text(svg, "&quot;");
        else
            buffer_append(svg, at, (size_t)n);
        at += n > 0 ? n : 1;
    }
}
