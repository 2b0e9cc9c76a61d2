#include "engine/residency.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/flag.h"

/* The drive is asked for windows and has several to do; the thread waits for one at a time, and
 * looks whether it should end after each piece of it. */
enum {
    WINDOW_BYTES = 16 << 20,
    WINDOWS_AHEAD = 2,
    PIECE_BYTES = 1 << 20,
    SAMPLES = 256, /* places looked at to know whether there is anything to do */
};

struct residency {
    const struct gguf *file;
    uint64_t budget;
    bool large_pages; /* then the drive is asked by reading: see file_map_want */
    struct flag stop;
    pthread_t thread;
};

static bool all_resident(const struct gguf *file);
static void *residency_main(void *argument);
static bool bring_part(struct residency *residency, const struct file_map *map);
static void ask_for(struct residency *residency, const struct file_map *map, size_t offset);
static void wait_for(struct residency *residency, const struct file_map *map, size_t offset);

struct residency *residency_start(const struct gguf *file, uint64_t budget)
{
    bool large_pages = gguf_bytes(file) <= budget;
    for (int part = 0; part < gguf_n_parts(file) && large_pages; part++)
        large_pages = file_map_use_large_pages(gguf_part_map(file, part));
    if (budget < WINDOW_BYTES || all_resident(file)) return NULL;
    struct residency *residency = calloc(1, sizeof *residency);
    if (!residency) return NULL;
    residency->file = file;
    residency->budget = budget;
    residency->large_pages = large_pages;
    if (pthread_create(&residency->thread, NULL, residency_main, residency) == 0) return residency;
    free(residency);
    return NULL;
}

void residency_stop(struct residency *residency)
{
    if (!residency) return;
    flag_raise(&residency->stop);
    pthread_join(residency->thread, NULL);
    free(residency);
}

static bool all_resident(const struct gguf *file)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int part = 0; part < gguf_n_parts(file); part++) {
        const struct file_map *map = gguf_part_map(file, part);
        size_t step = map->n_bytes / SAMPLES / page * page + page;
        for (size_t offset = 0; offset < map->n_bytes; offset += step)
            if (!file_map_resident(map, offset, 1)) return false;
    }
    return true;
}

static void *residency_main(void *argument)
{
    struct residency *residency = argument;
    for (int part = 0; part < gguf_n_parts(residency->file); part++)
        if (!bring_part(residency, gguf_part_map(residency->file, part))) break;
    return NULL;
}

/* False if the thread should end. */
static bool bring_part(struct residency *residency, const struct file_map *map)
{
    size_t asked = 0;
    for (size_t offset = 0; offset < map->n_bytes; offset += WINDOW_BYTES) {
        size_t end = offset + (WINDOWS_AHEAD + 1) * WINDOW_BYTES;
        for (; asked < end && asked < map->n_bytes; asked += WINDOW_BYTES)
            ask_for(residency, map, asked);
        if (residency->budget < WINDOW_BYTES) return false;
        wait_for(residency, map, offset);
        if (flag_is_up(&residency->stop)) return false;
    }
    return true;
}

/* What is there already is part of the budget: it was counted as memory to be had. */
static void ask_for(struct residency *residency, const struct file_map *map, size_t offset)
{
    if (residency->budget < WINDOW_BYTES) return;
    residency->budget -= WINDOW_BYTES;
    if (residency->large_pages) return;
    if (!file_map_resident(map, offset, WINDOW_BYTES)) file_map_want(map, offset, WINDOW_BYTES);
}

/* A page that is read is there, and the compute need not wait for its place in the map either. */
static void wait_for(struct residency *residency, const struct file_map *map, size_t offset)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int piece = 0; piece < WINDOW_BYTES / PIECE_BYTES; piece++) {
        if (flag_is_up(&residency->stop)) return;
        size_t end = offset + PIECE_BYTES < map->n_bytes ? offset + PIECE_BYTES : map->n_bytes;
        for (; offset < end; offset += page) (void)*(const volatile uint8_t *)(map->data + offset);
    }
}
