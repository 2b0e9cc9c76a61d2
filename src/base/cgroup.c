#include "base/cgroup.h"

#include <stdio.h>
#include <string.h>

#include "base/probe.h"

static bool own_path(const struct machine_source *source, const char *controller, char *out,
                     size_t cap);
static bool names_controller(const char *list, size_t n, const char *controller);

void cgroup_own(const struct machine_source *source, enum cgroup_version version,
                const char *controller, struct cgroup *out)
{
    char own[CGROUP_PATH / 2];
    *out = (struct cgroup){.version = version};
    int n = snprintf(out->path, sizeof out->path, "/sys/fs/cgroup%s%s",
                     version == CGROUP_V1 ? "/" : "", version == CGROUP_V1 ? controller : "");
    out->n_root = (size_t)n;
    if (own_path(source, version == CGROUP_V1 ? controller : "", own, sizeof own))
        snprintf(out->path + n, sizeof out->path - out->n_root, "%s", own);
    size_t length = strlen(out->path);
    if (out->path[length - 1] == '/') out->path[length - 1] = 0;
}

bool cgroup_up(struct cgroup *group)
{
    if (strlen(group->path) <= group->n_root) return false;
    *strrchr(group->path, '/') = 0;
    return true;
}

/* Lines are "number:controllers:path"; the second version has no controllers. A path that leads out
 * of the tree is of a group that this process cannot see. */
static bool own_path(const struct machine_source *source, const char *controller, char *out,
                     size_t cap)
{
    struct probe_text text;
    if (!probe_text(source, &text, "/proc/self/cgroup")) return false;
    for (char *line = text.data, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
        if (!path || path[1] != '/' ||
            !names_controller(list + 1, (size_t)(path - list - 1), controller))
            continue;
        int n = snprintf(out, cap, "%s", path + 1);
        return (size_t)n < cap && !strstr(out, "/..");
    }
    return false;
}

/* "" is what an empty list names. */
static bool names_controller(const char *list, size_t n, const char *controller)
{
    size_t n_name = strlen(controller);
    for (const char *end = list + n; list <= end; list++) {
        size_t n_word = strcspn(list, ",:");
        if (n_word == n_name && strncmp(list, controller, n_name) == 0) return true;
        list += n_word;
    }
    return false;
}
