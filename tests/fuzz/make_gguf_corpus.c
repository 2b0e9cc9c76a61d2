/* Writes the first inputs of fuzz_gguf.c into the directory it is given. */
#include <stdio.h>

#include "../unit/gguf_build.h"

static void write(struct gguf_build *build, const char *directory, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.gguf", directory, name);
    gguf_build_write(build, path);
}

static void write_values(const char *directory)
{
    static const char *const tokens[] = {"a", "", "the"};
    static const float scores[] = {-1, 0.5f, 2};
    static const uint64_t large = UINT64_MAX;
    struct gguf_build build;
    gguf_build_start(&build);
    gguf_build_text(&build, "general.architecture", "llama");
    gguf_build_u32(&build, "general.alignment", 64);
    gguf_build_u16(&build, "split.no", 0);
    gguf_build_i32(&build, "i", -1);
    gguf_build_value(&build, "u", GGUF_U64, &large, sizeof large);
    gguf_build_value(&build, "b", GGUF_BOOL, "\1", 1);
    gguf_build_texts(&build, "tokens", 3, tokens);
    gguf_build_array(&build, "scores", GGUF_F32, 3, scores, sizeof scores);
    gguf_build_array(&build, "flags", GGUF_BOOL, 2, "\0\1", 2);
    write(&build, directory, "values");
}

static void write_tensors(const char *directory)
{
    static const uint64_t matrix[] = {32, 2}, cube[] = {2, 2, 2};
    struct gguf_build build;
    gguf_build_start(&build);
    build.version = 2;
    gguf_build_tensor(&build, "blk.0.attn_q.weight", DTYPE_Q4_0, 2, matrix, 36, 0x11);
    gguf_build_tensor(&build, "cube", DTYPE_F16, 3, cube, 16, 0);
    gguf_build_tensor(&build, "norm", DTYPE_F32, 1, matrix, 128, 0);
    write(&build, directory, "tensors");
}

int main(int argc, char **argv)
{
    if (argc != 2) return 1;
    write_values(argv[1]);
    write_tensors(argv[1]);
    return 0;
}
