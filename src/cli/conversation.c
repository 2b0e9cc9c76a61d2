#include "cli/conversation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/output.h"

enum { FILE_BYTES_MOST = 64 << 20 };

static const char *role_at(const struct conversation *conversation, int index);
static heft_status check_messages(const json_t *messages, const char *path, heft_error *error);
static json_t *message_of(const char *role, const char *text, size_t n_bytes);
static bool make_ids_unique(const struct conversation *conversation, json_t *calls);
static bool has_id(const struct conversation *conversation, const char *id);
static int count_id(const json_t *calls, const char *id);

heft_status conversation_create(struct conversation *conversation, heft_error *error)
{
    conversation->messages = json_array();
    if (!conversation->messages) return error_set(error, HEFT_INTERNAL, "no memory for a chat");
    return HEFT_OK;
}

void conversation_free(struct conversation *conversation)
{
    json_decref(conversation->messages);
    conversation->messages = NULL;
}

heft_status conversation_add(struct conversation *conversation, const char *role, const char *text,
                             size_t n_bytes, heft_error *error)
{
    json_t *message = message_of(role, text, n_bytes);
    if (json_array_append_new(conversation->messages, message) != 0)
        return error_set(error, HEFT_INTERNAL, "no memory for a message");
    return HEFT_OK;
}

heft_status conversation_add_answer(struct conversation *conversation, const struct buffer *content,
                                    const struct buffer *thought, json_t *calls, heft_error *error)
{
    json_t *message = message_of("assistant", content->data ? content->data : "", content->n_bytes);
    int failed = 0;
    if (thought->n_bytes)
        failed |= json_object_set_new(message, "reasoning_content",
                                      output_text(thought->data, thought->n_bytes));
    if (calls) failed |= !make_ids_unique(conversation, calls);
    if (calls) failed |= json_object_set(message, "tool_calls", calls);
    failed |= json_array_append_new(conversation->messages, message);
    return failed ? error_set(error, HEFT_INTERNAL, "no memory for a message") : HEFT_OK;
}

heft_status conversation_add_result(struct conversation *conversation, const char *text,
                                    int *n_open, heft_error *error)
{
    int last = conversation_length(conversation) - 1, n_results = 0;
    for (; strcmp(role_at(conversation, last), "tool") == 0; last--) n_results++;
    json_t *answer = last < 0 ? NULL : json_array_get(conversation->messages, (size_t)last);
    json_t *calls = json_object_get(answer, "tool_calls");
    json_t *call = json_array_get(calls, (size_t)n_results);
    if (!call) return error_set(error, HEFT_USAGE, "no tool call waits for a result");
    json_t *message = message_of("tool", text, strlen(text));
    json_t *name = json_object_get(json_object_get(call, "function"), "name");
    int failed = json_object_set(message, "tool_call_id", json_object_get(call, "id"));
    failed |= json_object_set(message, "name", name);
    failed |= json_array_append_new(conversation->messages, message);
    *n_open = (int)json_array_size(calls) - n_results - 1;
    return failed ? error_set(error, HEFT_INTERNAL, "no memory for a message") : HEFT_OK;
}

void conversation_clear(struct conversation *conversation)
{
    int n_kept = strcmp(role_at(conversation, 0), "system") == 0;
    while (conversation_length(conversation) > n_kept)
        json_array_remove(conversation->messages, (size_t)n_kept);
}

int conversation_length(const struct conversation *conversation)
{
    return (int)json_array_size(conversation->messages);
}

heft_status conversation_set_system(struct conversation *conversation, const char *text,
                                    heft_error *error)
{
    if (strcmp(role_at(conversation, 0), "system") == 0)
        json_array_remove(conversation->messages, 0);
    if (!text[0]) return HEFT_OK;
    json_t *message = message_of("system", text, strlen(text));
    if (json_array_insert_new(conversation->messages, 0, message) != 0)
        return error_set(error, HEFT_INTERNAL, "no memory for a message");
    return HEFT_OK;
}

bool conversation_drop_last(struct conversation *conversation, const char *role)
{
    int last = conversation_length(conversation) - 1;
    if (strcmp(role_at(conversation, last), role) != 0) return false;
    json_array_remove(conversation->messages, (size_t)last);
    return true;
}

heft_status conversation_save(const struct conversation *conversation, const char *path,
                              heft_error *error)
{
    char *text = json_dumps(conversation->messages, JSON_INDENT(2));
    if (!text) return error_set(error, HEFT_INTERNAL, "no memory for the chat as JSON");
    heft_status status = file_write_private(path, text, strlen(text), error);
    free(text);
    return status;
}

heft_status conversation_load(struct conversation *conversation, const char *path,
                              heft_error *error)
{
    char *text;
    size_t n_bytes;
    heft_status status = file_read(path, FILE_BYTES_MOST, &text, &n_bytes, error);
    if (status != HEFT_OK) return status;
    json_error_t reason;
    json_t *messages = json_loadb(text, n_bytes, 0, &reason);
    free(text);
    if (!messages)
        return error_set(error, HEFT_BAD_FILE, "%s: line %d: %s", path, reason.line, reason.text);
    status = check_messages(messages, path, error);
    if (status != HEFT_OK) {
        json_decref(messages);
        return status;
    }
    json_decref(conversation->messages);
    conversation->messages = messages;
    return HEFT_OK;
}

heft_status conversation_encode(const struct conversation *conversation, const heft_engine *engine,
                                const struct conversation_terms *terms, int32_t **tokens,
                                int *n_tokens, heft_error *error)
{
    char *messages = json_dumps(conversation->messages, JSON_COMPACT);
    if (!messages) return error_set(error, HEFT_INTERNAL, "no memory for the chat as JSON");
    heft_chat chat = {.messages_json = messages,
                      .tools_json = terms->tools,
                      .extra_json = terms->extra,
                      .add_generation_prompt = true};
    heft_status status = heft_chat_encode(engine, &chat, tokens, n_tokens, error);
    free(messages);
    return status;
}

heft_status encode_text(const heft_engine *engine, const char *text, size_t n_bytes, int flags,
                        int32_t **tokens, int *n_tokens, heft_error *error)
{
    if (n_bytes > INT32_MAX / 2) return error_set(error, HEFT_USAGE, "the text is too long");
    /* A token is hardly ever less than a byte, so that one call is nearly always enough. */
    int cap = (int)n_bytes + 16, n;
    for (;;) {
        *tokens = malloc((size_t)cap * sizeof **tokens);
        if (!*tokens) return error_set(error, HEFT_INTERNAL, "no memory for %d tokens", cap);
        n = heft_encode(engine, text, n_bytes, flags, *tokens, cap);
        if (n <= cap) break;
        free(*tokens);
        cap = n;
    }
    *n_tokens = n;
    if (n >= 0) return HEFT_OK;
    free(*tokens);
    return error_set(error, HEFT_BAD_FILE, "the model has no tokenizer for this text");
}

/* "" beyond either end. */
/* Models count the calls of an answer, not those of a conversation, or give two the same name; a
 * result has to find its call. Nine letters and digits, as some templates want. */
static bool make_ids_unique(const struct conversation *conversation, json_t *calls)
{
    size_t i;
    json_t *call;
    int number = (int)json_array_size(conversation->messages);
    bool done = true;
    json_array_foreach(calls, i, call)
    {
        char unique[16];
        const char *id = json_string_value(json_object_get(call, "id"));
        if (id && count_id(calls, id) == 1 && !has_id(conversation, id)) continue;
        do snprintf(unique, sizeof unique, "call%05d", number++ % 100000);
        while (number < 200000 && (count_id(calls, unique) > 0 || has_id(conversation, unique)));
        done = done && json_object_set_new(call, "id", json_string(unique)) == 0;
    }
    return done;
}

static int count_id(const json_t *calls, const char *id)
{
    size_t i;
    json_t *call;
    int n = 0;
    json_array_foreach((json_t *)calls, i, call)
    {
        const char *other = json_string_value(json_object_get(call, "id"));
        n += other && strcmp(other, id) == 0;
    }
    return n;
}

static bool has_id(const struct conversation *conversation, const char *id)
{
    size_t i;
    json_t *message;
    json_array_foreach(conversation->messages, i,
                       message) if (count_id(json_object_get(message, "tool_calls"), id) >
                                    0) return true;
    return false;
}

static const char *role_at(const struct conversation *conversation, int index)
{
    if (index < 0) return "";
    const json_t *message = json_array_get(conversation->messages, (size_t)index);
    const char *role = json_string_value(json_object_get(message, "role"));
    return role ? role : "";
}

static heft_status check_messages(const json_t *messages, const char *path, heft_error *error)
{
    if (!json_is_array(messages))
        return error_set(error, HEFT_BAD_FILE, "%s: this is not a JSON array of messages", path);
    size_t i;
    json_t *message;
    json_array_foreach(messages, i, message)
    {
        bool says = json_is_string(json_object_get(message, "content")) ||
                    json_is_array(json_object_get(message, "tool_calls"));
        bool whole = json_is_string(json_object_get(message, "role")) && says;
        if (!whole)
            return error_set(error, HEFT_BAD_FILE,
                             "%s: message %zu has not got a \"role\" and a \"content\" text", path,
                             i + 1);
    }
    return HEFT_OK;
}

static json_t *message_of(const char *role, const char *text, size_t n_bytes)
{
    return json_pack("{s:s, s:o}", "role", role, "content", output_text(text, n_bytes));
}
