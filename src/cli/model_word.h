/* Whether a word on the command line means a model. A word that does is never taken for a prompt:
 * otherwise the demo model would answer in the place of the model that was meant. */
#pragma once

#include "cli/options.h"
#include "heft.h"

/* Takes the first of the words as the model if no model is given yet and the word is or looks like
 * one: a path or folder that exists or has the form of a path, the name of a model file, a
 * repository, a name of the catalogue, or NAME:TAG. */
void model_word_take(const char **model, struct words *words);

/* HEFT_BAD_FILE, with what can be done, if `path` is a folder or the name of a model that lies
 * elsewhere. A file that is simply missing is left to whoever opens it. */
heft_status model_word_check(const char *path, heft_error *error);
