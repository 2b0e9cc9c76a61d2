/* Inside of a reader. It takes one byte at a time, so that it cannot matter where pieces are cut,
 * and is in one of four states:
 *
 *   text    content or a thought, up to a mark of the dialect     reader_text.c
 *   calls   between calls: a section has begun, or a call ended   reader_text.c
 *   call    inside of one, along its pattern                      reader_call.c and what that names
 *   header  of a message in a channel                             reader_channel.c
 *
 * What is not decided yet is held: white space that may be dropped in `space`, what may become a
 * mark in `held`, what has been read of a call and not given out in `raw`. */
#pragma once

#include "base/buffer.h"
#include "text/json_scan.h"
#include "text/reader.h"

enum reader_state { READER_TEXT, READER_CALLS, READER_CALL, READER_HEADER };

enum {
    MAX_NAME_BYTES = 256,    /* of a tool or a parameter */
    MAX_SPACE_BYTES = 4096,  /* white space held back */
    MAX_RAW_BYTES = 1 << 20, /* of a call before it can be given out */
};

/* An event before its texts have an address: `out` may move. */
struct reader_event {
    heft_event_kind kind;
    size_t start, n_bytes; /* in `out` */
    size_t id_start;       /* in `ids`, up to a NUL */
    int call;
    bool is_malformed;
};

/* The arguments of a call: an object, or an object written as a string. */
struct arguments {
    struct json_scan scan;
    bool is_begun, is_string;
};

enum object_state {
    OBJECT_BEGIN,
    OBJECT_KEY_OR_END,
    OBJECT_KEY_BEGIN,
    OBJECT_KEY,
    OBJECT_COLON,
    OBJECT_VALUE,
    OBJECT_COMMA_OR_END
};
enum object_key { KEY_NAME, KEY_ARGUMENTS, KEY_ID, KEY_TYPE, KEY_FUNCTION, KEY_OTHER };

struct object {
    enum object_state state;
    enum object_key key;
    struct json_scan scan;
    bool has_arguments;
    bool is_nested; /* {"function": {call}}, as OpenAI's API has it: inside of the inner one */
    bool is_drift;  /* a shape that the dialect does not have: only for names that were offered */
};

enum list_state { LIST_BEGIN, LIST_ITEM, LIST_OBJECT, LIST_COMMA_OR_END, LIST_SINGLE };
enum value_state { VALUE_BEGIN, VALUE_TEXT, VALUE_HELD }; /* text is given out as it comes */
enum python_state { PYTHON_UNDECIDED, PYTHON_CALL, PYTHON_CODE, PYTHON_OBJECT };

/* What a byte did to the part of a call that it was given to. */
enum taken {
    TAKEN,       /* it belongs to the part, which goes on */
    TAKEN_LAST,  /* it is the last of it */
    TAKEN_NOT,   /* the part ended before it */
    TAKEN_FAILED /* this is no call */
};

struct reader {
    const struct dialect *dialect;
    json_t *tools; /* NULL: none were offered */
    enum reader_state state;
    bool failed; /* no memory */

    /* events */
    struct buffer out, ids;
    struct reader_event *events;
    int n_events, n_given, capacity;
    bool holds;      /* events of the prompt wait until the answer begins */
    char carried[4]; /* the start of a character that the last piece was cut in */
    size_t n_carried;
    struct reader_event carrier; /* the event that it goes on with */

    /* text */
    heft_event_kind kind; /* HEFT_CONTENT or HEFT_THOUGHT */
    bool fresh;           /* nothing but white space yet */
    bool trims;           /* white space is dropped until text comes */
    struct buffer space, held;
    size_t n_space; /* with which a header begins */

    /* calls */
    int n_calls;
    struct buffer raw;
    const char *at;        /* in the pattern of the call; between calls in what is left of it */
    const char *return_to; /* from the pattern of a parameter */
    bool is_bare;
    bool is_begun;                /* HEFT_CALL_BEGIN is out, HEFT_CALL_END is not */
    struct buffer capture;        /* a name, a key, a value, as they come */
    struct buffer name, id, late; /* `late`: arguments that came before the name */
    struct arguments arguments;
    struct object object;
    enum list_state list;
    enum python_state python;

    /* parameters */
    struct buffer key;
    int n_parameters;
    enum value_state value;
};

/* reader.c */
void reader_byte(struct reader *reader, char byte);
void reader_bytes(struct reader *reader, const char *text, size_t n_bytes);
void reader_emit(struct reader *reader, heft_event_kind kind, const char *text, size_t n_bytes,
                 bool is_malformed);
bool reader_is_space(char byte);

/* reader_text.c */
void reader_text_begin(struct reader *reader, heft_event_kind kind);
void reader_text_byte(struct reader *reader, char byte);
void reader_text_finish(struct reader *reader);

/* `tail` is what is left of the pattern of the call before. */
void reader_calls_begin(struct reader *reader, const char *tail);
void reader_calls_byte(struct reader *reader, char byte);
void reader_calls_leave(struct reader *reader);

/* What was taken for a call is none: gives out `raw` as what the text before it was. `announced`: a
 * mark has said that a call would come, so content is malformed. */
void reader_text_give_back(struct reader *reader, bool announced);

/* reader_call.c */
struct slice pattern_literal(const char *at); /* empty if there is none at `at` */
void reader_call_begin(struct reader *reader, const char *pattern, bool is_bare);
void reader_call_begin_fenced(struct reader *reader); /* behind the fence */
void reader_call_byte(struct reader *reader, char byte);
void reader_call_abort(struct reader *reader); /* the answer ends inside of the call */

/* Parts of a call give out what they have read. A name is set before. */
bool reader_call_set_name(struct reader *reader, struct slice name);
void reader_call_announce(struct reader *reader);
void reader_call_arguments(struct reader *reader, const char *text, size_t n_bytes);
void reader_call_text(struct reader *reader, const char *text,
                      size_t n_bytes); /* inside of a string */
void reader_call_end(struct reader *reader, bool is_malformed);
enum taken reader_arguments_byte(struct reader *reader, char byte);

/* reader_object.c: {call} and {calls}; each object ends its call. */
enum taken reader_object_byte(struct reader *reader, char byte);
enum taken reader_list_byte(struct reader *reader, char byte);

/* reader_python.c: {python}. */
enum taken reader_python_byte(struct reader *reader, char byte);
void reader_python_finish(struct reader *reader);

/* reader_parameter.c: {parameters} and {value}. */
enum taken reader_parameters_byte(struct reader *reader, char byte);
void reader_parameters_choose(struct reader *reader, struct slice literal);
enum taken reader_value_byte(struct reader *reader, char byte);
void reader_value_abort(struct reader *reader);

/* reader_channel.c */
void reader_channel_begin(struct reader *reader, struct slice prompt);
void reader_channel_header_begin(struct reader *reader, struct slice header);
void reader_channel_byte(struct reader *reader, char byte);
void reader_channel_finish(struct reader *reader);
