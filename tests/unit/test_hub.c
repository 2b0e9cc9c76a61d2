/* Models on a hub, sized from their headers: a server on this machine plays the hub, another the
 * place where the hub keeps large files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "format/gguf.h"
#include "gguf_build.h"
#include "hub/cache.h"
#include "hub/http.h"
#include "hub_server.h"
#include "plan/remote.h"

enum { MAX_RESOURCES = 32, PATH_BYTES = 512, N_WORDS = 100 };

/* A header of a kilobyte, or with a vocabulary of 2 MB, before data of 40 GB. */
static const uint64_t data_bytes = 4 * UINT64_C(10) * 1000 * 1000 * 1000;

struct image {
    char *data;
    size_t n_bytes;
    uint64_t n_total;
};

static struct {
    char cache[64];
    struct hub_options options;
    struct hub_server hub, store;
    struct hub_resource at_hub[MAX_RESOURCES], at_store[MAX_RESOURCES];
    int n_at_hub, n_at_store;
    char texts[MAX_RESOURCES * 2][PATH_BYTES];
    int n_texts;
    struct image small, large;
} world;

static char *keep(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *keep(const char *format, ...)
{
    char *text = world.texts[world.n_texts++];
    va_list args;
    va_start(args, format);
    vsnprintf(text, PATH_BYTES, format, args);
    va_end(args);
    return text;
}

static struct image make_image(int word_bytes)
{
    static char word[20001];
    const char *words[N_WORDS];
    struct gguf_build build;
    uint64_t dims[2] = {1000000, data_bytes / 4 / 1000000};
    gguf_build_start(&build);
    gguf_build_text(&build, "general.architecture", "llama");
    gguf_build_u32(&build, "llama.block_count", 2);
    snprintf(word, sizeof word, "%0*d", word_bytes, 0);
    for (int i = 0; i < N_WORDS; i++) words[i] = word;
    gguf_build_texts(&build, "tokenizer.ggml.tokens", N_WORDS, words);
    gguf_build_tensor_at(&build, "token_embd.weight", DTYPE_F32, 2, dims, 0);
    struct image image;
    image.data = (char *)gguf_build_finish(&build, &image.n_bytes);
    image.n_total = image.n_bytes + data_bytes;
    return image;
}

static struct hub_resource *put(bool at_hub, const char *path, const char *body)
{
    struct hub_resource *all = at_hub ? world.at_hub : world.at_store;
    int *n = at_hub ? &world.n_at_hub : &world.n_at_store;
    struct hub_resource *resource = &all[(*n)++];
    *resource = (struct hub_resource){.path = path, .body = body};
    return resource;
}

static struct hub_resource *put_image(bool at_hub, const char *path, const struct image *image)
{
    struct hub_resource *resource = put(at_hub, path, image->data);
    resource->n_bytes = image->n_bytes;
    resource->n_total = image->n_total;
    return resource;
}

/* The list of one page with one file. */
static struct hub_resource *put_list(const char *path, uint64_t n_bytes)
{
    return put(true, "/api/models/org/repo/tree/main?recursive=true",
               keep("[{\"type\":\"file\",\"path\":\"%s\",\"size\":%llu,\"oid\":\"1\"}]", path,
                    (unsigned long long)n_bytes));
}

static void start(void)
{
    hub_server_start(&world.store, world.at_store, world.n_at_store);
    hub_server_start(&world.hub, world.at_hub, world.n_at_hub);
    snprintf(world.options.endpoint, sizeof world.options.endpoint, "%s", world.hub.origin);
}

static int begin_test(void **state)
{
    (void)state;
    memset(&world.options, 0, sizeof world.options);
    world.n_at_hub = world.n_at_store = world.n_texts = 0;
    world.hub = world.store = (struct hub_server){0};
    snprintf(world.cache, sizeof world.cache, "/tmp/heft-test-XXXXXX");
    if (!mkdtemp(world.cache)) return -1;
    snprintf(world.options.cache, sizeof world.options.cache, "%s/heft", world.cache);
    snprintf(world.options.token, sizeof world.options.token, "heft_test");
    world.options.timeout_s = 10; /* the machine may be busy */
    world.options.n_attempts = 3;
    world.options.pause_ms = 10;
    return 0;
}

static int end_test(void **state)
{
    (void)state;
    if (world.hub.port) hub_server_stop(&world.hub);
    if (world.store.port) hub_server_stop(&world.store);
    cache_abandon(world.cache);
    return 0;
}

static int begin_group(void **state)
{
    (void)state;
    world.small = make_image(10);
    world.large = make_image(20000);
    return 0;
}

static int end_group(void **state)
{
    (void)state;
    free(world.small.data);
    free(world.large.data);
    return 0;
}

static struct remote opened(const char *name)
{
    struct remote remote;
    heft_error error = {0};
    if (remote_open_with(&world.options, name, &remote, &error) != HEFT_OK)
        fail_msg("%s", error.message);
    return remote;
}

static void fails(const char *name, heft_status status, const char *sentence)
{
    struct remote remote;
    heft_error error = {0};
    assert_int_equal(remote_open_with(&world.options, name, &remote, &error), status);
    assert_int_equal(error.status, status);
    if (!strstr(error.message, sentence)) fail_msg("'%s' is not in: %s", sentence, error.message);
    assert_null(strchr(error.message, '\n'));
}

/* What is kept are holes behind headers. */
static void is_stand_in(const char *path, uint64_t n_bytes)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_true((uint64_t)info.st_size == n_bytes);
    assert_true((uint64_t)info.st_blocks * 512 < 32 << 20);
}

/* No half of a folder is left behind. */
static void is_clean(void)
{
    char command[PATH_BYTES];
    snprintf(command, sizeof command, "find %s -name '.new-*' | grep -q .", world.cache);
    assert_int_not_equal(system(command), 0);
}

/* ---- what works ---- */

static void a_file_behind_a_redirect(void **state)
{
    (void)state;
    put_list("m-Q4_K_M.gguf", world.large.n_total)->needs_token = true;
    put_image(false, "/blobs/1?signed=secret", &world.large);
    start();
    struct hub_resource *resolve = put(true, "/org/repo/resolve/main/m-Q4_K_M.gguf", "");
    resolve->code = 302;
    resolve->fields = keep("Location: %s/blobs/1?signed=secret\r\n", world.store.origin);
    resolve->needs_token = true;
    world.hub.n_resources = world.n_at_hub;

    struct remote remote = opened("org/repo");
    is_stand_in(remote.path, world.large.n_total);
    assert_true(remote.model.gguf && !remote.model.kept && !remote.model.no_ranges);
    assert_true(remote.model.n_bytes == world.large.n_total);
    assert_int_equal(remote.model.n_files, 1);
    assert_string_equal(remote.model.label, "Q4_K_M");

    struct gguf *file;
    heft_error error = {0};
    if (gguf_open(remote.path, &file, &error) != HEFT_OK) fail_msg("%s", error.message);
    assert_int_equal(gguf_find(file, "tokenizer.ggml.tokens")->n, N_WORDS);
    assert_true(gguf_bytes(file) == world.large.n_total);
    gguf_close(file);

    /* The token went to the hub with every request and nowhere else. */
    assert_true(resolve->n_asked >= 2 && resolve->n_with_token == resolve->n_asked);
    assert_true(world.at_store[0].n_asked >= 2 && world.at_store[0].n_with_token == 0);
    remote_close(&remote);
}

static void a_second_time_nothing_is_read(void **state)
{
    (void)state;
    struct hub_resource *list = put_list("m-Q4_K_M.gguf", world.small.n_total);
    struct hub_resource *file =
        put_image(true, "/org/repo/resolve/main/m-Q4_K_M.gguf", &world.small);
    start();
    struct remote first = opened("org/repo");
    int n_asked = file->n_asked;
    struct remote second = opened("org/repo:q4_k_m");
    assert_true(second.model.kept && second.model.unreachable.status == HEFT_OK);
    assert_string_equal(first.path, second.path);
    assert_int_equal(file->n_asked, n_asked);
    remote_close(&second);

    /* Another content under the same name is another file. */
    list->body =
        keep("[{\"type\":\"file\",\"path\":\"m-Q4_K_M.gguf\",\"size\":%llu,\"oid\":\"2\"}]",
             (unsigned long long)world.small.n_total);
    struct remote third = opened("org/repo");
    assert_false(third.model.kept);
    assert_string_not_equal(first.path, third.path);
    remote_close(&third);

    /* A stand-in that somebody has shortened is read again. */
    assert_int_equal(truncate(first.path, 5), 0);
    list->body =
        keep("[{\"type\":\"file\",\"path\":\"m-Q4_K_M.gguf\",\"size\":%llu,\"oid\":\"1\"}]",
             (unsigned long long)world.small.n_total);
    struct remote fourth = opened("org/repo");
    assert_false(fourth.model.kept);
    is_stand_in(fourth.path, world.small.n_total);
    remote_close(&fourth);
    remote_close(&first);
}

static void what_is_kept_serves_without_a_network(void **state)
{
    (void)state;
    put_list("m-Q4_K_M.gguf", world.small.n_total);
    put_image(true, "/org/repo/resolve/main/m-Q4_K_M.gguf", &world.small);
    start();
    struct remote remote = opened("org/repo");
    remote_close(&remote);
    hub_server_stop(&world.hub);
    world.hub.port = 0;

    remote = opened("org/repo");
    assert_true(remote.model.kept);
    assert_int_equal(remote.model.unreachable.status, HEFT_NETWORK);
    assert_true(remote.model.unreachable.message[0]);
    assert_true(remote.model.listed_at > time(NULL) - 600);
    remote_close(&remote);

    world.options.offline = true;
    remote = opened("org/repo");
    remote_close(&remote);
    fails("org/other", HEFT_NETWORK,
          "org/other: HF_HUB_OFFLINE is set; and there is nothing of it in the cache");
    world.options.offline = false;
    fails("org/other", HEFT_NETWORK, "/api/models/org/other/tree/main: ");
}

enum { N_PARTS = 20, PART_BYTES = 1024 };

static char parts[N_PARTS][PART_BYTES];
static size_t part_bytes[N_PARTS];

static void make_parts(void)
{
    struct gguf_build build;
    uint64_t dim = 4;
    for (int i = 0; i < N_PARTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        gguf_build_start(&build);
        gguf_build_u16(&build, "split.no", (uint16_t)i);
        gguf_build_u16(&build, "split.count", N_PARTS);
        gguf_build_i32(&build, "split.tensors.count", N_PARTS);
        gguf_build_tensor(&build, name, DTYPE_F32, 1, &dim, 16, 0);
        uint8_t *data = gguf_build_finish(&build, &part_bytes[i]);
        assert_true(part_bytes[i] <= PART_BYTES);
        memcpy(parts[i], data, part_bytes[i]);
        free(data);
    }
}

/* The list has two pages, in no order; more parts than are asked for at a time, some of them from a
 * server that is busy. */
static void parts_come_together(void **state)
{
    (void)state;
    make_parts();
    struct hub_resource *page =
        put(true, "/api/models/org/repo/tree/v2?recursive=true",
            keep("[{\"type\":\"file\",\"path\":\"x/m-00002-of-00020.gguf\",\"size\":%zu}]",
                 part_bytes[1]));
    static char rest[8192];
    size_t n = (size_t)snprintf(rest, sizeof rest, "[");
    for (int i = 0; i < N_PARTS; i++) {
        char *path = keep("/org/repo/resolve/v2/x/m-%05d-of-00020.gguf", i + 1);
        struct hub_resource *file = put(true, path, parts[i]);
        file->n_bytes = part_bytes[i];
        file->n_busy = i % 3 == 0;
        if (i == 1) continue;
        n += (size_t)snprintf(rest + n, sizeof rest - n,
                              "%s{\"type\":\"file\",\"path\":\"%s\",\"size\":134,\"oid\":\"b\","
                              "\"lfs\":{\"oid\":\"c\",\"size\":%zu,\"pointerSize\":134}}",
                              i ? "," : "", path + strlen("/org/repo/resolve/v2/"), part_bytes[i]);
    }
    snprintf(rest + n, sizeof rest - n, "]");
    put(true, "/pages?cursor=2", rest);
    page->fields = "Link: </pages?cursor=1>; rel=\"prev\", </pages?cursor=2>; rel=\"next\"\r\n";
    start();

    char name[PATH_BYTES];
    snprintf(name, sizeof name, "%s/org/repo/tree/v2", world.hub.origin);
    struct remote remote = opened(name);
    assert_int_equal(remote.model.n_weights, N_PARTS);
    struct gguf *file;
    heft_error error = {0};
    if (gguf_open(remote.path, &file, &error) != HEFT_OK) fail_msg("%s", error.message);
    assert_int_equal(gguf_n_tensors(file), N_PARTS);
    assert_true(gguf_bytes(file) == remote.model.n_bytes);
    gguf_close(file);
    remote_close(&remote);
}

static const char safetensors_header[] =
    "\x3a\0\0\0\0\0\0\0"
    "{\"t\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}      ";

static void put_safetensors(const char *index)
{
    static const char config[] = "{\"model_type\":\"llama\"}";
    put(true, "/api/models/org/repo/tree/main?recursive=true",
        keep("[{\"type\":\"file\",\"path\":\"config.json\",\"size\":%zu},"
             "{\"type\":\"file\",\"path\":\"model.safetensors.index.json\",\"size\":%zu},"
             "{\"type\":\"file\",\"path\":\"model-00001-of-00001.safetensors\",\"size\":82}]",
             strlen(config), strlen(index)));
    put(true, "/org/repo/resolve/main/config.json", config);
    put(true, "/org/repo/resolve/main/model.safetensors.index.json", index);
    struct hub_resource *weights =
        put(true, "/org/repo/resolve/main/model-00001-of-00001.safetensors", safetensors_header);
    weights->n_bytes = 66;
    weights->n_total = 82;
    start();
}

static void safetensors_come_with_their_config(void **state)
{
    (void)state;
    put_safetensors("{\"weight_map\":{\"t\":\"model-00001-of-00001.safetensors\"}}");
    struct remote remote = opened("org/repo");
    assert_false(remote.model.gguf);
    assert_string_equal(remote.path, remote.model.folder);
    assert_int_equal(remote.model.n_files, 3);
    assert_int_equal(remote.model.n_weights, 1);
    is_stand_in(remote.model.files[0].path, 82);
    char *text;
    size_t n_bytes;
    assert_int_equal(file_read(remote.model.files[1].path, 1000, &text, &n_bytes, NULL), HEFT_OK);
    assert_string_equal(text, "{\"model_type\":\"llama\"}");
    free(text);
    remote_close(&remote);
}

static void an_index_names_files_that_are_there(void **state)
{
    (void)state;
    put_safetensors("{\"weight_map\":{\"t\":\"model-00002-of-00002.safetensors\"}}");
    fails("org/repo", HEFT_BAD_FILE,
          "model.safetensors.index.json: tensor 't' is said to be in "
          "'model-00002-of-00002.safetensors'");
}

static void a_file_on_no_hub(void **state)
{
    (void)state;
    put_image(true, "/files/m.gguf?key=1", &world.small)->fields = "ETag: \"v1\"\r\n";
    start();
    char name[PATH_BYTES];
    snprintf(name, sizeof name, "%s/files/m.gguf?key=1", world.hub.origin);
    snprintf(world.options.endpoint, sizeof world.options.endpoint, "%s", world.store.origin);
    struct remote remote = opened(name);
    is_stand_in(remote.path, world.small.n_total);
    assert_int_equal(world.at_hub[0].n_with_token, 0);
    int n_asked = world.at_hub[0].n_asked;
    remote_close(&remote);
    remote = opened(name);
    assert_true(remote.model.kept);
    assert_int_equal(world.at_hub[0].n_asked, n_asked + 1);
    remote_close(&remote);
    snprintf(name, sizeof name, "%s/files/n.gguf?key=1", world.hub.origin);
    fails(name, HEFT_BAD_FILE, "/files/n.gguf: the server has no such file (404)");
}

static void a_server_without_ranges(void **state)
{
    (void)state;
    put_list("m.gguf", world.large.n_total);
    put_image(true, "/org/repo/resolve/main/m.gguf", &world.large)->no_ranges = true;
    start();
    struct remote remote = opened("org/repo");
    assert_true(remote.model.no_ranges);
    struct gguf *file;
    heft_error error = {0};
    if (gguf_open(remote.path, &file, &error) != HEFT_OK) fail_msg("%s", error.message);
    assert_int_equal(gguf_find(file, "tokenizer.ggml.tokens")->n, N_WORDS);
    gguf_close(file);
    remote_close(&remote);
}

static void a_server_that_is_busy_for_a_while(void **state)
{
    (void)state;
    put_list("m.gguf", world.small.n_total)->n_busy = 2;
    put_image(true, "/org/repo/resolve/main/m.gguf", &world.small)->n_busy = 2;
    start();
    struct remote remote = opened("org/repo");
    assert_int_equal(world.at_hub[0].n_asked, 3);
    remote_close(&remote);
}

/* A process of its own, as a second heft would be: it asks once it has read where the hub is. */
static void child_opens(int from_parent)
{
    struct remote remote;
    struct gguf *file;
    heft_error error = {0};
    size_t n = sizeof world.options.endpoint;
    if (read(from_parent, world.options.endpoint, n) != (ssize_t)n) _exit(HEFT_INTERNAL);
    heft_status status = remote_open_with(&world.options, "org/repo", &remote, &error);
    if (status == HEFT_OK) status = gguf_open(remote.path, &file, &error);
    if (status != HEFT_OK) fprintf(stderr, "%s\n", error.message);
    _exit((int)status);
}

/* The processes begin before the threads of the server do: what another thread has locked at a fork
 * stays locked in the child. */
static void many_processes_want_the_same(void **state)
{
    (void)state;
    enum { N_PROCESSES = 6 };
    pid_t children[N_PROCESSES];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < N_PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) child_opens(ends[0]);
    }
    put_list("m.gguf", world.large.n_total);
    put_image(true, "/org/repo/resolve/main/m.gguf", &world.large);
    start();
    for (int i = 0; i < N_PROCESSES; i++)
        assert_int_equal(write(ends[1], world.options.endpoint, sizeof world.options.endpoint),
                         sizeof world.options.endpoint);
    for (int i = 0; i < N_PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    close(ends[0]);
    close(ends[1]);
    is_clean();
}

/* ---- what does not ---- */

static void a_hub_that_says_no(void **state)
{
    (void)state;
    put_list("m.gguf", world.small.n_total);
    struct hub_resource *gated = put(true, "/api/models/org/gated/tree/main?recursive=true", "");
    gated->code = 403;
    gated->fields = "X-Error-Code: GatedRepo\r\n";
    put(true, "/api/models/org/secret/tree/main?recursive=true", "")->code = 401;
    struct hub_resource *revision = put(true, "/api/models/org/repo/tree/v9?recursive=true", "");
    revision->code = 404;
    revision->fields = "X-Error-Code: RevisionNotFound\r\n";
    start();
    fails("org/none", HEFT_BAD_FILE, "org/none: http://127.0.0.1:");
    fails("org/gated", HEFT_BAD_FILE, "org/gated: the repository is gated: accept its terms at");
    fails("org/secret", HEFT_BAD_FILE, "it is private and HF_TOKEN must be set");
    fails("org/repo", HEFT_BAD_FILE, "has no file 'm.gguf' in it (404)");
    char name[PATH_BYTES];
    snprintf(name, sizeof name, "%s/org/repo/tree/v9", world.hub.origin);
    fails(name, HEFT_BAD_FILE, "has no revision 'v9' of it");
}

static void a_server_that_stays_busy(void **state)
{
    (void)state;
    put_list("m.gguf", world.small.n_total);
    put_image(true, "/org/repo/resolve/main/m.gguf", &world.small)->n_busy = 99;
    start();
    fails("org/repo", HEFT_NETWORK,
          "/org/repo/resolve/main/m.gguf: the server answered with HTTP status 503 (3 attempts)");
    assert_int_equal(world.at_hub[1].n_asked, 3);
}

static void a_server_that_wants_patience(void **state)
{
    (void)state;
    struct hub_resource *list = put_list("m.gguf", world.small.n_total);
    list->n_busy = 1;
    list->fields = "Retry-After: 3600\r\n";
    start();
    fails("org/repo", HEFT_NETWORK, "HTTP status 503, and asks to come back in 3600 seconds");
    assert_int_equal(list->n_asked, 1);
}

static void a_server_that_is_silent(void **state)
{
    (void)state;
    world.options.n_attempts = 2;
    world.options.timeout_s = 1;
    put_list("m.gguf", world.small.n_total);
    put_image(true, "/org/repo/resolve/main/m.gguf", &world.small)->silent = true;
    start();
    fails("org/repo", HEFT_NETWORK, "(2 attempts)");
}

static void a_server_that_trickles(void **state)
{
    (void)state;
    world.options.n_attempts = 1;
    world.options.timeout_s = 1;
    put_list("m.gguf", world.small.n_total)->trickles = true;
    start();
    fails("org/repo", HEFT_NETWORK, "Less than 64 bytes/sec");
}

static void redirects_that_lead_nowhere(void **state)
{
    (void)state;
    put_list("m.gguf", world.small.n_total);
    struct hub_resource *file = put(true, "/org/repo/resolve/main/m.gguf", "");
    file->code = 302;
    file->fields = "Location: /org/repo/resolve/main/m.gguf\r\n";
    start();
    fails("org/repo", HEFT_NETWORK, "redirects again and again");
    file->fields = "Location: file:///etc/passwd\r\n";
    fails("org/repo", HEFT_NETWORK, "redirects to an address that is not of the web");
    file->fields = "";
    fails("org/repo", HEFT_NETWORK, "redirects to nowhere");
}

static void servers_that_lie(void **state)
{
    (void)state;
    put_list("m.gguf", world.small.n_total);
    struct hub_resource *file = put_image(true, "/org/repo/resolve/main/m.gguf", &world.small);
    start();
    file->n_total = world.small.n_total - 1;
    fails("org/repo", HEFT_BAD_FILE, "the hub lists 400000");
    file->n_total = world.small.n_total;
    file->shifted = true;
    fails("org/repo", HEFT_NETWORK, "the server sent another part of the file");
    file->shifted = false;
    file->cut = true;
    fails("org/repo", HEFT_NETWORK, "(3 attempts)");
    file->cut = false;
    world.at_hub[0].body = "{\"error\":\"not a list\"}";
    fails("org/repo", HEFT_NETWORK, "the answer is not the list of files that a hub gives");
    world.at_hub[0].body = "[1,{},{\"type\":\"file\",\"path\":\"m.gguf\",\"size\":-1}]";
    fails("org/repo", HEFT_BAD_FILE, "no GGUF or safetensors files in it");
}

static void files_that_are_none(void **state)
{
    (void)state;
    struct hub_resource *list = put_list("m.gguf", 1000);
    struct hub_resource *file =
        put(true, "/org/repo/resolve/main/m.gguf", "<html>please log in</html>");
    file->n_total = 1000;
    start();
    fails("org/repo", HEFT_BAD_FILE, "m.gguf: the magic number is not 'GGUF'");

    list->body = "[{\"type\":\"file\",\"path\":\"m.gguf\",\"size\":0}]";
    fails("org/repo", HEFT_BAD_FILE, "/org/repo/resolve/main/m.gguf: the file is empty");

    /* A header that ends behind the file. */
    list->body = "[{\"type\":\"file\",\"path\":\"m.gguf\",\"size\":60}]";
    file->body = world.small.data;
    file->n_bytes = 60;
    file->n_total = 60;
    fails("org/repo", HEFT_BAD_FILE, "bytes or more, but the file only 60");

    /* One that has no end. */
    static char endless[64] = "GGUF\3\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff";
    list->body = "[{\"type\":\"file\",\"path\":\"m.gguf\",\"size\":9000000000000}]";
    file->body = endless;
    file->n_bytes = sizeof endless;
    file->n_total = UINT64_C(9000000000000);
    fails("org/repo", HEFT_BAD_FILE, "bytes or more, the limit is 268435456");
}

/* The stand-in has the length that the hub lists, so the reader of the format sees what is missing.
 */
static void a_header_that_lies_is_found_out(void **state)
{
    (void)state;
    put_list("m.gguf", world.small.n_total / 2);
    put_image(true, "/org/repo/resolve/main/m.gguf", &world.small)->n_total =
        world.small.n_total / 2;
    start();
    struct remote remote = opened("org/repo");
    struct gguf *file;
    heft_error error = {0};
    assert_int_equal(gguf_open(remote.path, &file, &error), HEFT_BAD_FILE);
    assert_non_null(strstr(error.message, "bytes are missing at its end"));
    remote_close(&remote);
}

static void lists_without_end(void **state)
{
    (void)state;
    put_list("m.gguf", world.small.n_total)->fields =
        "Link: </api/models/org/repo/tree/main?recursive=true>; rel=\"next\"\r\n";
    start();
    fails("org/repo", HEFT_NETWORK, "does not end after 200 pages");
}

static void lists_that_go_on_elsewhere(void **state)
{
    (void)state;
    struct hub_resource *list = put_list("m.gguf", world.small.n_total);
    start();
    list->fields = "Link: <file:///etc/passwd>; rel=\"next\"\r\n";
    fails("org/repo", HEFT_NETWORK, "where it is not safe to follow");
    list->fields = "Link: <dict://127.0.0.1:9/shutdown>; rel=\"next\"\r\n";
    fails("org/repo", HEFT_NETWORK, "where it is not safe to follow");
}

static void nothing_unfinished_is_left(void **state)
{
    (void)state;
    put_list("m.gguf", world.small.n_total);
    start();
    fails("org/repo", HEFT_BAD_FILE, "has no file 'm.gguf'");
    is_clean();
}

/* ---- the length of headers ---- */

static void headers_are_whole_when_all_is_there(void **state)
{
    (void)state;
    const struct image *image = &world.small;
    uint64_t need = 0;
    heft_error error = {0};
    for (size_t n = 1; n <= image->n_bytes; n++) {
        assert_int_equal(
            remote_header_need("m.gguf", image->data, n, image->n_total, &need, &error), HEFT_OK);
        if (need <= n) break;
    }
    /* Behind the last tensor there is only padding, which nobody reads. */
    assert_true(need <= image->n_bytes && need + 32 > image->n_bytes);
    for (size_t n = 0; n < 66; n++) {
        assert_int_equal(
            remote_header_need("m.safetensors", safetensors_header, n, 82, &need, &error), HEFT_OK);
        assert_int_equal(need, n < 8 ? 8 : 66);
    }
    assert_int_equal(remote_header_need("m.safetensors", "12345678x", 9, 82, &need, &error),
                     HEFT_BAD_FILE);
}

/* What the reader of the format will refuse need not be read further. */
static void wrong_headers_end_where_they_are_wrong(void **state)
{
    (void)state;
    static const char nested[] = "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"
                                 "\1\0\0\0\0\0\0\0k\x09\0\0\0\x09\0\0\0\1\0\0\0\0\0\0\0";
    uint64_t need = 0;
    assert_int_equal(remote_header_need("m.gguf", nested, sizeof nested - 1, 1000, &need, NULL),
                     HEFT_OK);
    assert_int_equal(need, sizeof nested - 1);
    static const char many[] = "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff";
    assert_int_equal(remote_header_need("m.gguf", many, sizeof many - 1, 1000, &need, NULL),
                     HEFT_OK);
    assert_true(need > UINT32_MAX);
}

/* ---- the environment ---- */

static void the_environment_says_where_and_who(void **state)
{
    (void)state;
    struct hub_options options;
    heft_error error = {0};
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/huggingface", world.cache);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/huggingface/token", world.cache);
    setenv("XDG_CACHE_HOME", world.cache, 1);
    unsetenv("HF_TOKEN");
    unsetenv("HF_TOKEN_PATH");
    unsetenv("HF_HOME");
    unsetenv("HF_ENDPOINT");
    assert_int_equal(hub_options_read(&options, &error), HEFT_OK);
    assert_string_equal(options.endpoint, "https://huggingface.co");
    assert_string_equal(options.token, "");
    assert_int_equal(strncmp(options.cache, world.cache, strlen(world.cache)), 0);
    assert_int_equal(file_write(path, "hf_file\n", 8, &error), HEFT_OK);
    assert_int_equal(hub_options_read(&options, &error), HEFT_OK);
    assert_string_equal(options.token, "hf_file");
    setenv("HF_TOKEN", "hf_variable", 1);
    assert_int_equal(hub_options_read(&options, &error), HEFT_OK);
    assert_string_equal(options.token, "hf_variable");
    setenv("HF_TOKEN", "a\r\nHost: x", 1);
    assert_int_equal(hub_options_read(&options, &error), HEFT_USAGE);
    assert_null(strstr(error.message, "Host"));
    unsetenv("HF_TOKEN");
    unsetenv("XDG_CACHE_HOME");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_test, end_test)

int main(void)
{
    /* A proxy of the environment has no place between two ends of this machine. */
    setenv("no_proxy", "127.0.0.1", 1);
    const struct CMUnitTest tests[] = {
        TEST(a_file_behind_a_redirect),
        TEST(a_second_time_nothing_is_read),
        TEST(what_is_kept_serves_without_a_network),
        TEST(parts_come_together),
        TEST(safetensors_come_with_their_config),
        TEST(an_index_names_files_that_are_there),
        TEST(a_file_on_no_hub),
        TEST(a_server_without_ranges),
        TEST(a_server_that_is_busy_for_a_while),
        TEST(many_processes_want_the_same),
        TEST(a_hub_that_says_no),
        TEST(a_server_that_stays_busy),
        TEST(a_server_that_wants_patience),
        TEST(a_server_that_is_silent),
        TEST(a_server_that_trickles),
        TEST(redirects_that_lead_nowhere),
        TEST(servers_that_lie),
        TEST(files_that_are_none),
        TEST(a_header_that_lies_is_found_out),
        TEST(lists_without_end),
        TEST(lists_that_go_on_elsewhere),
        TEST(nothing_unfinished_is_left),
        TEST(headers_are_whole_when_all_is_there),
        TEST(wrong_headers_end_where_they_are_wrong),
        TEST(the_environment_says_where_and_who),
    };
    return cmocka_run_group_tests(tests, begin_group, end_group);
}
