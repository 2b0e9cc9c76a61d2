#include "cli/hints.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct hint {
    const char *names, *text;
};

static const char *look_up(const struct hint *hints, const char *name);
static int edit_distance(const char *a, const char *b);

static const struct hint option_hints[] = {
    {" -ngl --gpu-layers --n-gpu-layers -dev --device -sm --split-mode -ts --tensor-split -mg "
     "--main-gpu -ot --override-tensor -cmoe --cpu-moe -ncmoe --n-cpu-moe ",
     "all layers run on the processor, there is nothing to place"},
    {" --mlock --no-mmap --mmap ", "the model file is always mapped and used where it lies"},
    {" -fa --flash-attn ", "attention is always computed in blocks, leave it away"},
    {" -ctv --cache-type-v ", "keys and values have one type, which -ctk sets"},
    {" -hf -hfr --hf-repo -hff --hf-file -mu --model-url ", "give the path of a GGUF file with -m"},
    {" -cnv --conversation -i --interactive ", "`heft chat` talks, `heft run` answers once"},
    {" -no-cnv --no-conversation ", "--raw gives the model the bare prompt"},
    {" -st --single-turn ", "`heft run` answers once"},
    {" -ub --ubatch-size ", "-b sets how many tokens are computed together"},
    {" -tb --threads-batch ", "-t sets the threads of both prompt and answer"},
    {" --mirostat --mirostat-lr --mirostat-ent --tfs --dynatemp-range --top-nsigma --samplers ",
     "heft samples with --temp, --top-k, --top-p, --min-p, --typical, --xtc-* and --dry-*"},
    {" --jinja --no-jinja --chat-template ",
     "the template of the model is always used, or none with --raw"},
    {" -r --reverse-prompt ", "--stop TEXT ends the answer"},
    {" --color -co --log-disable --no-display-prompt --simple-io ",
     "only the answer goes to standard output, the rest to standard error (--quiet leaves it out)"},
    {" --no-warmup --warmup ", "nothing is computed before it is asked for"},
    {" -nkvo --no-kv-offload --numa --prio --poll ", "heft has no such setting, leave it away"},
    {" --format ", "--json prints JSON"},
    {" --keepalive --insecure --nowordwrap ", "heft has no such setting, leave it away"},
    {" --think --hidethinking --reasoning-format --reasoning-budget ",
     "--reasoning shows, hides or turns off the thoughts of the model"},
    {" --verbose -v -lv --verbosity ",
     "the numbers are printed at the end unless --quiet is given"},
    {" --keep --no-context-shift --context-shift ",
     "a full context ends the answer, nothing is shifted; -c makes it longer"},
    {" --rope-scaling --rope-scale --rope-freq-base --rope-freq-scale --yarn-orig-ctx ",
     "rope is set by the model file"},
    {NULL, NULL},
};

static const struct hint command_hints[] = {
    {" cli simple interactive ", "chat"},
    {" generate completion complete ", "run"},
    {" info inspect gguf-dump dump ", "show"},
    {" token tokenise detokenize detokenise ", "tokenize"},
    {" jinja render ", "template"},
    {" ppl perp ", "perplexity"},
    {" benchmark batched-bench ", "bench"},
    {" fit fit-params estimate size ", "plan"},
    {NULL, NULL},
};

const char *hint_for_option(const char *name)
{
    return look_up(option_hints, name);
}

const char *hint_for_command(const char *name)
{
    return look_up(command_hints, name);
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    int distance = edit_distance(nearest->wanted, name);
    int length = (int)strlen(nearest->wanted);
    int allowed = length <= 4 ? 1 : length <= 7 ? 2 : 3;
    if (distance > allowed || (nearest->name[0] && distance >= nearest->distance)) return;
    nearest->distance = distance;
    snprintf(nearest->name, sizeof nearest->name, "%s", name);
}

static const char *look_up(const struct hint *hints, const char *name)
{
    char padded[64];
    if (snprintf(padded, sizeof padded, " %s ", name) >= (int)sizeof padded) return NULL;
    for (; hints->names; hints++)
        if (strstr(hints->names, padded)) return hints->text;
    return NULL;
}

/* Levenshtein's, row by row; long names are near to nothing. */
static int edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 48 };
    int n_a = (int)strlen(a), n_b = (int)strlen(b);
    if (n_a > LONGEST || n_b > LONGEST) return LONGEST;
    int row[LONGEST + 1];
    for (int j = 0; j <= n_b; j++) row[j] = j;
    for (int i = 1; i <= n_a; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n_b; j++) {
            int change = diagonal + (a[i - 1] != b[j - 1]);
            int shorter = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            diagonal = row[j];
            row[j] = change < shorter ? change : shorter;
        }
    }
    return row[n_b];
}
