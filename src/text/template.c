/* One render: its memory, its limits, its output and the variables it starts with. */
#include "text/template_private.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

static const struct template_limits defaults = {
    .steps = 10000000,
    .memory_bytes = (size_t)64 << 20,
    .output_bytes = (size_t)16 << 20,
    .depth = 500,
};

/* Bytes that are copied or searched, and bytes of characters that are classified, in the time of a
 * step. */
enum { BYTES_A_STEP = 64, CHARACTER_BYTES_A_STEP = 8 };

static struct template_limits with_defaults(const struct template_limits *given)
{
    struct template_limits limits = given ? *given : defaults;
    if (!limits.steps) limits.steps = defaults.steps;
    if (!limits.memory_bytes) limits.memory_bytes = defaults.memory_bytes;
    if (!limits.output_bytes) limits.output_bytes = defaults.output_bytes;
    if (!limits.depth) limits.depth = defaults.depth;
    return limits;
}

/* Only what the template names is taken over. A variable hides a built-in function. */
static void import_variables(struct render *render, const json_t *variables)
{
    const struct template *template = render->template;
    render->globals = render_alloc(render, (size_t) template->n_symbols, sizeof *render->globals);
    for (int i = 0; i < template->n_symbols; i++) {
        struct slice name = template->symbols[i];
        const json_t *json = json_object_get(variables, name.data);
        const struct builtin *builtin = function_find(name);
        if (json)
            render->globals[i] = json_import(render, json);
        else if (builtin)
            render->globals[i] = function_value(render, builtin, UNDEFINED);
        else
            render->globals[i] = value_undefined(name, VALUE_ABSENT);
    }
}

static bool run(struct render *render, const json_t *variables)
{
    if (setjmp(render->escape)) return false;
    import_variables(render, variables);
    render->arena.limit = render->arena.n_bytes + render->limits.memory_bytes;
    scope_push(render);
    execute_block(render, render->template->body);
    return true;
}

heft_status template_render(const struct template *template, const json_t *variables,
                            const struct template_limits *limits, struct buffer *out,
                            heft_error *error)
{
    struct render render = {.template = template,
                            .limits = with_defaults(limits),
                            .out = out,
                            .out_start = out->n_bytes,
                            .key = hash_key_create(),
                            .line = 1,
                            .error = error};
    bool done = run(&render, variables);
    arena_free(&render.arena);
    if (done) return HEFT_OK;
    out->n_bytes = render.out_start;
    if (out->data) out->data[out->n_bytes] = 0;
    return render.status;
}

/* ---- failure ---- */

void render_fail(struct render *render, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    render_fail_as(render, HEFT_BAD_FILE, "chat template, line %d: %s", render->line, message);
}

void render_fail_as(struct render *render, heft_status status, const char *format, ...)
{
    heft_error ignored, *error = render->error ? render->error : &ignored;
    va_list args;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    error->status = render->status = status;
    longjmp(render->escape, 1);
}

void render_fail_undefined(struct render *render, struct value undefined)
{
    int n = undefined.text.n_bytes < 200 ? (int)undefined.text.n_bytes : 200;
    if (!undefined.text.data) render_fail(render, "the value is undefined");
    if (!undefined.owner) render_fail(render, "'%.*s' is undefined", n, undefined.text.data);
    const char *owner = value_type((struct value){.kind = undefined.owner});
    if (attribute_is_mutation(undefined.owner, undefined.text))
        render_fail(render, "'%.*s' would change a %s, which a template may not", n,
                    undefined.text.data, owner);
    render_fail(render, "'%s' has no attribute or item '%.*s'", owner, n, undefined.text.data);
}

/* ---- limits ---- */

void render_charge(struct render *render, size_t n_steps)
{
    render->steps += n_steps;
    if (render->steps > render->limits.steps)
        render_fail(render, "it takes more than %llu steps",
                    (unsigned long long)render->limits.steps);
}

void render_charge_bytes(struct render *render, size_t n_bytes)
{
    render_charge(render, n_bytes / BYTES_A_STEP);
}

void render_charge_characters(struct render *render, size_t n_bytes)
{
    render_charge(render, n_bytes / CHARACTER_BYTES_A_STEP);
}

void render_enter(struct render *render)
{
    if (++render->depth > render->limits.depth)
        render_fail(render, "it nests more than %d levels deep", render->limits.depth);
}

void render_leave(struct render *render)
{
    render->depth--;
}

static _Noreturn void fail_memory(struct render *render)
{
    render_fail(render, "it needs more than %zu MiB of memory", render->limits.memory_bytes >> 20);
}

void *render_alloc(struct render *render, size_t n, size_t item_bytes)
{
    size_t n_bytes;
    if (__builtin_mul_overflow(n, item_bytes, &n_bytes)) fail_memory(render);
    void *memory = arena_alloc(&render->arena, n_bytes);
    if (!memory) fail_memory(render);
    return memory;
}

/* A chain of joins, as in 'a' + b + 'c', grows one text instead of copying it each time. */
struct slice render_join(struct render *render, struct slice a, struct slice b)
{
    if (b.n_bytes == 0) return a;
    render_charge_bytes(render, b.n_bytes);
    if (a.n_bytes && arena_extend(&render->arena, a.data + a.n_bytes, b.n_bytes)) {
        memmove((char *)a.data + a.n_bytes, b.data, b.n_bytes);
        return (struct slice){a.data, a.n_bytes + b.n_bytes};
    }
    render_charge_bytes(render, a.n_bytes);
    char *joined = arena_alloc_text(&render->arena, a.n_bytes + b.n_bytes);
    if (!joined) fail_memory(render);
    if (a.n_bytes) memcpy(joined, a.data, a.n_bytes);
    memcpy(joined + a.n_bytes, b.data, b.n_bytes);
    return (struct slice){joined, a.n_bytes + b.n_bytes};
}

/* ---- output ---- */

void emit(struct render *render, struct slice text)
{
    size_t used = render->out->n_bytes - render->out_start;
    if (text.n_bytes > render->limits.output_bytes - used)
        render_fail(render, "it writes more than %zu MiB", render->limits.output_bytes >> 20);
    render_charge_bytes(render, text.n_bytes);
    buffer_append(render->out, text.data, text.n_bytes);
    if (render->out->failed)
        render_fail_as(render, HEFT_INTERNAL, "chat template: no memory for its output");
}

void emit_text(struct render *render, const char *text)
{
    emit(render, slice_of(text));
}

void emit_code(struct render *render, uint32_t code)
{
    char bytes[4];
    emit(render, (struct slice){bytes, (size_t)unicode_encode(code, bytes)});
}

size_t capture_begin(struct render *render)
{
    return render->out->n_bytes;
}

struct slice capture_end(struct render *render, size_t mark)
{
    size_t n_bytes = render->out->n_bytes - mark;
    if (!n_bytes) return (struct slice){"", 0};
    char *text = arena_alloc_text(&render->arena, n_bytes);
    if (!text) fail_memory(render);
    memcpy(text, render->out->data + mark, n_bytes);
    render->out->n_bytes = mark;
    return (struct slice){text, n_bytes};
}
