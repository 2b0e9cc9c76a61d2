/* How attention is cut into tasks for the threads. */
#pragma once

#include "backend/cpu/cpu.h"

enum { CUT_TASKS_PER_THREAD = 3 };

/* How much one task is: query heads of a group, and rows of a span. */
struct piece {
    int heads, rows;
};

/* How a problem is cut; the same for all tasks of a call. */
struct cut {
    const struct attend_problem *problem;
    int group;                     /* query heads to a key-value head */
    struct piece few, many;        /* many: of spans for the kernel of many columns */
    attend_kernel *const *kernels; /* these kernels, by the type of the cache */
    const int *many_from;          /* query vectors of a span to a key-value head, likewise */
    int n_splits;                  /* parts the keys of a task are split into */
};

struct task {
    const struct span *span;
    attend_kernel *many;   /* NULL: few */
    int first_row, n_rows; /* within the span */
    int kv_head, first_head, n_heads;
};

/* The query vectors of a task, row by row. */
struct vectors {
    int n;
    int32_t index[CPU_ATTEND_MANY], positions[CPU_ATTEND_MANY];
};

/* Where a thread's search for its next task stands: tasks are claimed upwards, so it never goes
 * back, and thousands of spans are walked over once. */
struct cursor {
    int span, first_task;
};

void cut_make(const struct cpu *cpu, const struct attend_problem *problem, struct cut *cut);

/* Task number `index`, which is no lower than the last one looked for; false: there are fewer. Late
 * rows see the most keys, so they come first: the last task to finish is a short one. */
bool cut_find(const struct cut *cut, int index, struct cursor *at, struct task *task);

void cut_vectors(const struct cut *cut, const struct task *task, struct vectors *vectors);
