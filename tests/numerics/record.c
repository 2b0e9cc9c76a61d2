#include "record.h"

#include <stdio.h>
#include <string.h>

static const char path[] = "tests/numerics/llama_cpp.tsv";

/* model, type, mean, deviation, worst, perplexity between tabs. */
bool record_find(const char *model, const char *type, struct record *out)
{
    char line[256], found_model[64], found_type[64];
    FILE *file = fopen(path, "r");
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file))
        found = sscanf(line, "%63[^\t]\t%63[^\t]\t%lf\t%lf\t%lf\t%lf", found_model, found_type,
                       &out->mean, &out->deviation, &out->worst, &out->perplexity) == 6 &&
                strcmp(found_model, model) == 0 && strcmp(found_type, type) == 0;
    if (file) fclose(file);
    return found;
}
