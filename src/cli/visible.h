/* Text of files, models and hubs on its way to a person: on a terminal, the characters that the
 * terminal would obey are written as escapes; in a pipe or a file, bytes stay as they are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Holds a character whose bytes come in two pieces. Zero-initialise. */
struct visible {
    char held[4];
    int n_held;
};

/* Line ends and tabs are kept. */
void visible_write(struct visible *visible, const char *text, size_t n_bytes, FILE *file);

/* Writes what is held of a character that never became whole. */
void visible_end(struct visible *visible, FILE *file);

/* A text that comes in one piece. */
void visible_text(const char *text, size_t n_bytes, FILE *file);

/* As fprintf: neither the format nor what is put into it commands the terminal. */
void visible_print(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The length of the valid UTF-8 character that begins here; 0 if it is cut short, -1 if no such
 * character begins so. */
int visible_character(const char *text, size_t n_bytes, uint32_t *code);

/* Controls of ASCII and Latin-1, line end and tab among them, and marks that turn the direction of
 * the text. */
bool visible_is_control(uint32_t code);
