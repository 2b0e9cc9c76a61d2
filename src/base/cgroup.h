/* The control groups around this process, from its own to the outermost that can be seen: a limit
 * on any of them holds. In a container the path that the system names may be one of the host and
 * not be there: then only the root is seen, which is the container's. */
#pragma once

#include "base/machine.h"

/* Of the first version there is a tree for each controller. */
enum cgroup_version { CGROUP_V2, CGROUP_V1 };
enum { CGROUP_PATH = 1024 };

struct cgroup {
    enum cgroup_version version;
    char path[CGROUP_PATH]; /* a directory: "/sys/fs/cgroup/user.slice" */
    size_t n_root;          /* bytes of it that name the root */
};

/* The group of this process for "memory" or "cpu". */
void cgroup_own(const struct machine_source *source, enum cgroup_version version,
                const char *controller, struct cgroup *out);

/* The group around it; false at the root. */
bool cgroup_up(struct cgroup *group);
