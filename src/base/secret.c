#include "base/secret.h"

#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"

uint64_t secret_bits(void)
{
    uint64_t bits;
    if (getentropy(&bits, sizeof bits) == 0) return bits;
    struct rng rng = {clock_ns() ^ (uint64_t)(uintptr_t)&bits ^ (uint64_t)getpid() << 32};
    return rng_next(&rng);
}
