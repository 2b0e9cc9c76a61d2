#include "text/pretype.h"

#include <stddef.h>
#include <string.h>

/* The patterns are data of the models, as their tokenizer files have them, with two kinds of
 * change: what another dialect spells differently, and what would take quadratic time on a hostile
 * text. */

#define CONTRACTION "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define WORD        "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define SYMBOLS     " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
#define SPACES      "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* Letters that are not small, then letters that are not capital: CamelCase is cut before the C. */
#define CAPITALS "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define SMALLS   "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CAMEL(tail)                                                                                \
    "[^\\r\\n\\p{L}\\p{N}]?" CAPITALS "*" SMALLS "+" tail "|[^\\r\\n\\p{L}\\p{N}]?" CAPITALS       \
    "+" SMALLS "*" tail

/* Characters of the script Han. Not \p{Han}, which from PCRE2 10.40 on also has what Han shares
 * with other scripts. */
#define HAN                                                                                        \
    "\\x{2e80}-\\x{2e99}\\x{2e9b}-\\x{2ef3}\\x{2f00}-\\x{2fd5}\\x{3005}\\x{3007}"                  \
    "\\x{3021}-\\x{3029}\\x{3038}-\\x{303b}\\x{3400}-\\x{4dbf}\\x{4e00}-\\x{9fff}"                 \
    "\\x{f900}-\\x{fa6d}\\x{fa70}-\\x{fad9}\\x{16fe2}\\x{16fe3}\\x{16ff0}\\x{16ff1}"               \
    "\\x{20000}-\\x{2a6df}\\x{2a700}-\\x{2ee5d}\\x{2f800}-\\x{2fa1d}\\x{30000}-\\x{323af}"

/* CAPITALS and SMALLS without Han, spelled as what they leave out. */
#define CAPITALS_NO_HAN "[^" HAN "\\p{Ll}\\p{N}\\p{P}\\p{S}\\p{Z}\\p{C}]"
#define SMALLS_NO_HAN   "[^" HAN "\\p{Lu}\\p{Lt}\\p{N}\\p{P}\\p{S}\\p{Z}\\p{C}]"

/* Where \b ends a number in the reference: before all but the characters of words, which there are
 * also the fractions and raised digits of Latin-1, and circled and squared letters. */
#define NUMBER_END                                                                                 \
    "(?![\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}\\x{24b6}-\\x{24e9}" \
    "\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}])"

#define GPT2                                                                                       \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"                           \
    "\\s+(?!\\S)|\\s+"
#define QWEN2          CONTRACTION "|" WORD "|\\p{N}|" SYMBOLS "|" SPACES
#define KANA_AND_HAN   "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+"
#define HAN_AND_HANGUL "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"
#define ASCII_SYMBOL   "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]"
#define MARKED_WORD    "[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"

/* Letters that have case, as of the Unicode version the vocabulary was made with. */
#define CASED_LETTERS                                                                              \
    "A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}"                 \
    "\\x{1c4}-\\x{293}\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}"         \
    "\\x{37f}\\x{386}\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}"                  \
    "\\x{3f7}-\\x{481}\\x{48a}-\\x{52f}\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}"                       \
    "\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}"                 \
    "\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}"                 \
    "\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}"        \
    "\\x{1f5b}\\x{1f5d}\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}"         \
    "\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}"                 \
    "\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}"                  \
    "\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}\\x{2126}\\x{2128}"                   \
    "\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}"        \
    "\\x{214e}\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}\\x{2ceb}-\\x{2cee}"         \
    "\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}"                  \
    "\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}"                 \
    "\\x{fb13}-\\x{fb17}\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}"               \
    "\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}"         \
    "\\x{118a0}-\\x{118df}\\x{1e900}-\\x{1e943}"

#define PATTERNS(name, ...) static const char *const name[] = {__VA_ARGS__, NULL}

PATTERNS(unnamed, "[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]");
PATTERNS(gpt2, GPT2);
PATTERNS(llama3, CONTRACTION "|" WORD "|\\p{N}{1,3}|" SYMBOLS "|" SPACES);
PATTERNS(qwen2, QWEN2);
PATTERNS(qwen35, CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}|"
                             " ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES);
PATTERNS(gpt4o, CAMEL(CONTRACTION "?") "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES);
PATTERNS(tekken, CAMEL("") "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES);
PATTERNS(kimi_k2, "[" HAN "]+|[^\\r\\n\\p{L}\\p{N}]?" CAPITALS_NO_HAN "*" SMALLS_NO_HAN
                  "+" CONTRACTION "?|[^\\r\\n\\p{L}\\p{N}]?" CAPITALS_NO_HAN "+" SMALLS_NO_HAN
                  "*" CONTRACTION "?|\\p{N}{1,3}|" SYMBOLS "|" SPACES);
/* "\s+$" would be tried at every space of a run. */
PATTERNS(
    deepseek_llm, "[\\r\\n]", "\\s?[" CASED_LETTERS "]+",
    "\\s?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+",
    "(?<!\\s)\\s++$", HAN_AND_HANGUL, "\\p{N}+");
PATTERNS(deepseek_coder, "[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", HAN_AND_HANGUL, "\\p{N}");
PATTERNS(deepseek_v3, "\\p{N}{1,3}", KANA_AND_HAN,
         ASCII_SYMBOL "[A-Za-z]+|" MARKED_WORD "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACES);
PATTERNS(spark, "\\p{N}{1,3}", KANA_AND_HAN,
         ASCII_SYMBOL "[A-Za-z]+|" MARKED_WORD "| ?[\\p{P}\\p{S}]+|[\\r\\n]|\\s+(?!\\S)|\\s+",
         "\\p{N}");
PATTERNS(digits_gpt2, "\\p{N}", GPT2);
PATTERNS(falcon, "[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]");
PATTERNS(bloom, " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+");
PATTERNS(viking, " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+",
         "\\p{N}");
PATTERNS(bailing, "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}|"
                  " ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+");
PATTERNS(seed_coder, CONTRACTION "|" WORD "|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" SPACES);
PATTERNS(laguna, "[^\\n]+|[\\n]+", QWEN2);
PATTERNS(minicpm5, "\\p{N}{1,3}", CONTRACTION "|" WORD "|\\p{N}+|" SYMBOLS "|" SPACES);
/* Possessive, so that a long line of words takes no stack. */
PATTERNS(exaone_moe,
         CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*+(?: \\p{L}\\p{M}*+)*+)++|\\p{N}|"
                     " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+");
/* A run of spaces is cut into pieces, and each piece would look through the rest of the run for a
 * line end. It looks only where the run begins or a line end is just before: behind a piece there
 * is none. */
PATTERNS(jais2, CONTRACTION
         "|" WORD "|\\p{N}{1,3}|" SYMBOLS
         "|(?<![^\\S\\r\\n])\\s*[\\r\\n]+|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|"
         "\\s{64}(?!\\S)|\\s{32}(?!\\S)|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|"
         "\\s{1,2}(?!\\S)|\\s");
PATTERNS(
    youtu,
    "[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+|"
    "[\\x{ff01}\\x{2026}\\x{201c}\\x{201d}\\x{2018}\\x{2019}\\x{2014}\\x{ff1a}\\x{ff1b}\\x{ff0c}"
    "\\x{3001}-\\x{303f}\\x{fe30}-\\x{fe4f}]+|[\\x{3105}-\\x{312f}]+|" KANA_AND_HAN,
    CAMEL(CONTRACTION "?") "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES);
/* Digits in threes, counted from the right. The published \d{1,3}(?=(?:\d{3})*\b) looks at the rest
 * of the number for every three digits; here only the first ones look, and the others follow by \G.
 */
PATTERNS(tiny_aya, "(?<!\\d)\\d{1,3}(?=(?:\\d{3})*+" NUMBER_END ")|\\G(?<=\\d)\\d{3}",
         CAMEL(CONTRACTION "?") "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES);

static const struct pretype pretypes[] = {
    {"default", unnamed, 0},
    {"gpt-2", gpt2, 0},
    {"a.x-4.0", gpt2, 0},
    {"exaone4", gpt2, 0},
    {"gigachat", gpt2, 0},
    {"granite-docling", gpt2, 0},
    {"jais", gpt2, 0},
    {"jina-de", gpt2, 0},
    {"jina-es", gpt2, 0},
    {"jina-v2-de", gpt2, 0},
    {"jina-v2-es", gpt2, 0},
    {"mellum", gpt2, 0},
    {"modern-bert", gpt2, 0},
    {"mpt", gpt2, 0},
    {"olmo", gpt2, 0},
    {"phi-2", gpt2, 0},
    {"trillion", gpt2, 0},
    {"llama-bpe", llama3, PRETYPE_ADD_BOS | PRETYPE_IGNORE_MERGES},
    {"llama3", llama3, PRETYPE_ADD_BOS | PRETYPE_IGNORE_MERGES},
    {"llama-v3", llama3, PRETYPE_ADD_BOS | PRETYPE_IGNORE_MERGES},
    {"falcon3", llama3, PRETYPE_ADD_BOS | PRETYPE_IGNORE_MERGES},
    {"falcon-h1", llama3, PRETYPE_ADD_BOS | PRETYPE_IGNORE_MERGES},
    {"lfm2", llama3, PRETYPE_ADD_BOS | PRETYPE_IGNORE_MERGES},
    {"midm-2.0", llama3, PRETYPE_ADD_BOS | PRETYPE_IGNORE_MERGES},
    {"pixtral", llama3, PRETYPE_ADD_BOS | PRETYPE_IGNORE_MERGES},
    {"dbrx", llama3, 0},
    {"smaug-bpe", llama3, 0},
    {"chatglm-bpe", llama3, 0},
    {"glm4", llama3, 0},
    {"qwen2", qwen2, PRETYPE_COMPOSE},
    {"deepseek-r1-qwen", qwen2, 0},
    {"grok-2", qwen2, 0},
    {"hunyuan", qwen2, 0},
    {"kormo", qwen2, 0},
    {"megrez", qwen2, 0},
    {"solar-open", qwen2, 0},
    {"stablelm2", qwen2, 0},
    {"qwen35", qwen35, PRETYPE_COMPOSE},
    {"gpt-4o", gpt4o, 0},
    {"kanana2", gpt4o, 0},
    {"llama4", gpt4o, 0},
    {"minimax-m2", gpt4o, 0},
    {"tekken", tekken, PRETYPE_ADD_BOS | PRETYPE_IGNORE_MERGES},
    {"kimi-k2", kimi_k2, 0},
    {"deepseek-llm", deepseek_llm, 0},
    {"deepseek-coder", deepseek_coder, 0},
    {"deepseek-v3", deepseek_v3, 0},
    {"hunyuan-dense", deepseek_v3, 0},
    {"hy_v4", deepseek_v3, 0},
    {"joyai-llm", deepseek_v3, 0},
    {"spark2_5", spark, 0},
    {"command-r", digits_gpt2, PRETYPE_COMPOSE},
    {"codeshell", digits_gpt2, 0},
    {"exaone", digits_gpt2, 0},
    {"mellum2", digits_gpt2, 0},
    {"minerva-7b", digits_gpt2, 0},
    {"refact", digits_gpt2, 0},
    {"smollm", digits_gpt2, 0},
    {"starcoder", digits_gpt2, 0},
    {"falcon", falcon, 0},
    {"bloom", bloom, 0},
    {"gpt3-finnish", bloom, 0},
    {"poro-chat", bloom, 0},
    {"viking", viking, 0},
    {"bailingmoe", bailing, 0},
    {"bailingmoe2", bailing, 0},
    {"llada-moe", bailing, 0},
    {"seed-coder", seed_coder, 0},
    {"laguna", laguna, 0},
    {"minicpm5", minicpm5, PRETYPE_IGNORE_MERGES},
    {"exaone-moe", exaone_moe, 0},
    {"jais-2", jais2, 0},
    {"youtu", youtu, PRETYPE_IGNORE_MERGES},
    {"tiny_aya", tiny_aya, 0},
    {"cohere2moe", tiny_aya, 0},
};

const struct pretype *pretype_find(const char *name)
{
    if (!name || !*name) name = "default";
    for (size_t i = 0; i < sizeof pretypes / sizeof *pretypes; i++)
        if (strcmp(pretypes[i].name, name) == 0) return &pretypes[i];
    return NULL;
}
