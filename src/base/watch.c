#include "base/watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_WATCHES = 4096 };

enum { FREE, TAKEN, WATCHED };

struct watch {
    atomic_int state;
    atomic_int lost;
    uintptr_t begin, end;
};

/* A signal belongs to the process, and so does what its handler must know. */
static struct watch watches[MAX_WATCHES];
static struct sigaction before;
static uintptr_t page_bytes;
static pthread_mutex_t installing = PTHREAD_MUTEX_INITIALIZER;

static void install(void);
static void on_fault(int number, siginfo_t *info, void *context);
static struct watch *watch_of(uintptr_t address);
static void pass_on(int number, siginfo_t *info, void *context);

int watch_begin(const void *data, size_t n_bytes)
{
    install();
    for (int i = 0; i < MAX_WATCHES; i++) {
        struct watch *watch = &watches[i];
        int expected = FREE;
        if (!atomic_compare_exchange_strong(&watch->state, &expected, TAKEN)) continue;
        watch->begin = (uintptr_t)data;
        watch->end = (watch->begin + n_bytes + page_bytes - 1) / page_bytes * page_bytes;
        atomic_store(&watch->lost, 0);
        atomic_store(&watch->state, WATCHED);
        return i;
    }
    return -1;
}

void watch_end(int watch)
{
    if (watch >= 0) atomic_store(&watches[watch].state, FREE);
}

bool watch_is_lost(int watch)
{
    return watch >= 0 && atomic_load(&watches[watch].lost) != 0;
}

/* Every map looks whether the handler is still on top: a program may set its own at any time. It
 * stays when the last map is closed, because another may have been put on top of it by then. */
static void install(void)
{
    struct sigaction now, ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    ours.sa_sigaction = on_fault;
    sigemptyset(&ours.sa_mask);
    pthread_mutex_lock(&installing);
    page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    sigaction(SIGBUS, NULL, &now);
    if (!(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != on_fault) {
        before = now;
        sigaction(SIGBUS, &ours, NULL);
    }
    pthread_mutex_unlock(&installing);
}

/* Runs on the thread that read. The rest of the map becomes zeros in one go: what is behind the end
 * of a file that was cut would fail page by page, and the map is of no use any more. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    uintptr_t address = (uintptr_t)info->si_addr;
    struct watch *watch = watch_of(address);
    if (watch) {
        uintptr_t page = address / page_bytes * page_bytes;
        atomic_store(&watch->lost, 1);
        void *zeros = mmap((void *)page, watch->end - page, PROT_READ,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (zeros != MAP_FAILED) return;
    }
    pass_on(number, info, context);
}

static struct watch *watch_of(uintptr_t address)
{
    for (int i = 0; i < MAX_WATCHES; i++) {
        struct watch *watch = &watches[i];
        if (atomic_load(&watch->state) == WATCHED && address >= watch->begin &&
            address < watch->end)
            return watch;
    }
    return NULL;
}

/* To the handler of the program around the library, or to the system: the read fails again. A
 * handler that was put on top of this one and now stands below it may pass the signal back. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    /* Reserved when the thread begins: otherwise a shared library asks for memory at first use. */
    static _Thread_local bool passing __attribute__((tls_model("initial-exec")));
    bool known = before.sa_flags & SA_SIGINFO ||
                 (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN);
    if (!known || passing) {
        signal(number, SIG_DFL);
        raise(number); /* it is blocked until the handler returns, and was perhaps sent by hand */
        return;
    }
    passing = true;
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(number, info, context);
    else
        before.sa_handler(number);
    passing = false;
}
