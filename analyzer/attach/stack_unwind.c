/* Unwinding from a copy.
 *
 * elfutils does it, fed by callbacks: registers and stack words come from what was copied
 * while the thread stood still. libunwind-ptrace was rejected: its rules for remote
 * processes know neither the vdso nor .debug_frame of separate files, and it ends where
 * code has no tables; elfutils goes on by frame pointers there, which is what JIT
 * compilers and V8's builtins keep. A step by frame pointers is a guess, so it has to
 * land in code.
 *
 * Words outside of the copy (a handler on a signal stack, a coroutine) are read from the
 * running process: they are of frames that are not at work, which do not change as long
 * as what they called has not returned.
 *
 * SPDX-License-Identifier: MIT
 */
#include "attach/stack_unwind.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct seep_unwinder {
    pid_t pid;
    const struct seep_memory_map *map;
    Dwfl *dwfl;                        /* owned */
    bool other_root;                   /* the process's files are under /proc/PID/root */
    struct seep_probe_module *modules; /* owned, as their paths */
    size_t module_count;
    bool out_of_memory;
    struct seep_probe_thread *now;   /* being unwound */
    struct seep_probe_frame *frames; /* owned; SEEP_PROBE_FRAMES_MAX */
    size_t frame_count;
    bool left_code; /* the last step led nowhere */
};

/* The unwinder that callbacks without an argument work for. */
static _Thread_local struct seep_unwinder *current;

static bool is_other_root(pid_t pid)
{
    char path[64];
    struct stat theirs;
    struct stat ours;

    (void)snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
    return stat(path, &theirs) == 0 && stat("/", &ours) == 0 &&
           (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino);
}

static int find_elf(Dwfl_Module *module, void **userdata, const char *name,
                    Dwarf_Addr base, char **file_name, Elf **elf)
{
    if (current != NULL && current->other_root && name[0] == '/') {
        char path[PATH_MAX];
        int n = snprintf(path, sizeof(path), "/proc/%d/root%s", (int)current->pid, name);
        int fd = n < (int)sizeof(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;

        if (fd >= 0) {
            *file_name = strdup(path);
            return fd;
        }
    }
    return dwfl_linux_proc_find_elf(module, userdata, name, base, file_name, elf);
}

/* Rules are in the files themselves; names are somebody else's task. */
/* NOLINTNEXTLINE(readability-function-size): its parameters are given */
static int no_debuginfo(Dwfl_Module *module, void **userdata, const char *name,
                        Dwarf_Addr base, const char *file_name, const char *link,
                        GElf_Word crc, char **found)
{
    (void)module;
    (void)userdata;
    (void)name;
    (void)base;
    (void)file_name;
    (void)link;
    (void)crc;
    (void)found;
    return -1;
}

static pid_t next_thread(Dwfl *dwfl, void *unwinder, void **thread_argument)
{
    (void)dwfl;
    (void)unwinder;
    (void)thread_argument;
    return 0; /* threads are asked for by number */
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *unwinder, void **thread_argument)
{
    (void)dwfl;
    (void)tid;
    *thread_argument = unwinder;
    return true;
}

static bool read_word(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *result, void *argument)
{
    struct seep_unwinder *unwinder = argument;
    const struct seep_thread_copy *copy = &unwinder->now->copy;
    uint64_t at = address - copy->stack_start;

    (void)dwfl;
    if (address >= copy->stack_start && copy->stack_bytes >= sizeof(*result) &&
        at <= copy->stack_bytes - sizeof(*result)) {
        memcpy(result, copy->stack + at, sizeof(*result));
        return true;
    }
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): an address in another process */
    struct iovec theirs = {(void *)address, sizeof(*result)};
    struct iovec ours = {result, sizeof(*result)};

    return process_vm_readv(unwinder->pid, &ours, 1, &theirs, 1, 0) ==
           (ssize_t)sizeof(*result);
}

static bool set_registers(Dwfl_Thread *thread, void *argument)
{
    struct seep_unwinder *unwinder = argument;
    Dwarf_Word registers[SEEP_REGISTERS];

    for (int i = 0; i < SEEP_REGISTERS; i++) {
        registers[i] = unwinder->now->copy.registers[i];
    }
    return dwfl_thread_state_registers(thread, 0, SEEP_REGISTERS, registers);
}

static const Dwfl_Callbacks file_callbacks = {.find_elf = find_elf,
                                              .find_debuginfo = no_debuginfo};
static const Dwfl_Thread_Callbacks thread_callbacks = {.next_thread = next_thread,
                                                       .get_thread = get_thread,
                                                       .memory_read = read_word,
                                                       .set_initial_registers =
                                                           set_registers};

static char *path_of(const struct seep_unwinder *unwinder, const char *name)
{
    char *path = NULL;

    if (strncmp(name, "[vdso", strlen("[vdso")) == 0) {
        return strdup("[vdso]");
    }
    if (!unwinder->other_root || name[0] != '/') {
        return strdup(name);
    }
    return asprintf(&path, "/proc/%d/root%s", (int)unwinder->pid, name) > 0 ? path : NULL;
}

/* Appends a module. Returns: its index; 0 when memory is out. */
static uint32_t add_module(struct seep_unwinder *unwinder, Dwfl_Module *module)
{
    struct seep_probe_module made = {0};
    const unsigned char *bits = NULL;
    GElf_Addr unused = 0;
    Dwarf_Addr bias = 0;
    const char *name = dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    struct seep_probe_module *grown = reallocarray(
        unwinder->modules, unwinder->module_count + 1, sizeof(*unwinder->modules));

    if (grown == NULL) {
        return 0;
    }
    unwinder->modules = grown;
    made.path = path_of(unwinder, name);
    if (made.path == NULL) {
        return 0;
    }
    if (dwfl_module_getelf(module, &bias) == NULL) {
        Dwarf_Addr start = 0;

        (void)dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
        bias = start; /* the file is gone: as good as any */
    }
    made.base = bias;
    int n = dwfl_module_build_id(module, &bits, &unused);

    if (n > 0 && n <= SEEP_PROBE_BUILD_ID_MAX) {
        memcpy(made.build_id, bits, (size_t)n);
        made.build_id_bytes = (uint32_t)n;
    }
    unwinder->modules[unwinder->module_count] = made;
    return (uint32_t)unwinder->module_count++;
}

/* The index of elfutils' module, which remembers it. */
static uint32_t index_of(struct seep_unwinder *unwinder, Dwfl_Module *module)
{
    void **userdata = NULL;
    uint32_t index = 0;

    (void)dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
    index = (uint32_t)(uintptr_t)*userdata;
    if (index == 0) {
        index = add_module(unwinder, module);
        unwinder->out_of_memory = unwinder->out_of_memory || index == 0;
        *userdata = (void *)(uintptr_t)index;
    }
    return index;
}

/* elfutils gives what lies behind a module's end to the module too. */
static Dwfl_Module *module_at(const struct seep_unwinder *unwinder, Dwarf_Addr address)
{
    Dwfl_Module *module = dwfl_addrmodule(unwinder->dwfl, address);
    Dwarf_Addr start = 0;
    Dwarf_Addr end = 0;

    if (module != NULL) {
        (void)dwfl_module_info(module, NULL, &start, &end, NULL, NULL, NULL, NULL);
    }
    return module != NULL && address >= start && address < end ? module : NULL;
}

/* Whether code can be there: not where a guessed step leads to data. */
static bool is_code(const struct seep_unwinder *unwinder, Dwarf_Addr address)
{
    const struct seep_vma *vma = seep_memory_map_find(unwinder->map, address);

    return vma != NULL && vma->executable;
}

static int take_frame(Dwfl_Frame *state, void *argument)
{
    struct seep_unwinder *unwinder = argument;
    struct seep_probe_frame *frame = &unwinder->frames[unwinder->frame_count];
    Dwarf_Addr pc = 0;
    bool exact = false;

    if (!dwfl_frame_pc(state, &pc, &exact)) {
        return DWARF_CB_ABORT;
    }
    Dwarf_Addr look_up = exact ? pc : pc - 1;
    Dwfl_Module *module = module_at(unwinder, look_up);

    if (unwinder->frame_count > 0 && !is_code(unwinder, look_up)) {
        unwinder->left_code = true;
        return DWARF_CB_ABORT;
    }
    *frame = (struct seep_probe_frame){.offset = pc, .exact = exact};
    if (module != NULL) {
        frame->module = index_of(unwinder, module);
        frame->offset = pc - unwinder->modules[frame->module].base;
    }
    unwinder->frame_count++;
    return unwinder->frame_count == SEEP_PROBE_FRAMES_MAX ? DWARF_CB_ABORT : DWARF_CB_OK;
}

static enum seep_probe_end end_of(const struct seep_unwinder *unwinder, int result)
{
    size_t n = unwinder->frame_count;

    if (result == DWARF_CB_OK && !unwinder->left_code) {
        return SEEP_PROBE_END_COMPLETE;
    }
    if (n == SEEP_PROBE_FRAMES_MAX || unwinder->now->copy.stack_cut) {
        return SEEP_PROBE_END_CUT;
    }
    return n > 0 && unwinder->frames[n - 1].module == 0 ? SEEP_PROBE_END_NO_FILE
                                                        : SEEP_PROBE_END_NO_RULE;
}

int seep_unwinder_run(struct seep_unwinder *unwinder, struct seep_probe_thread *thread)
{
    struct seep_unwinder *before = current;

    current = unwinder;
    unwinder->now = thread;
    unwinder->frame_count = 0;
    unwinder->left_code = false;
    int result = dwfl_getthread_frames(unwinder->dwfl, (pid_t)thread->copy.tid,
                                       take_frame, unwinder);

    current = before;
    thread->end = end_of(unwinder, result);
    thread->frames = calloc(unwinder->frame_count + 1, sizeof(*thread->frames));
    if (thread->frames == NULL || unwinder->out_of_memory) {
        return -ENOMEM;
    }
    thread->frame_count = unwinder->frame_count;
    memcpy(thread->frames, unwinder->frames,
           thread->frame_count * sizeof(*thread->frames));
    return 0;
}

/* The list of modules, as it is now; needs one of them for the machine's architecture. */
static int report_modules(struct seep_unwinder *unwinder)
{
    int status = 0;

    dwfl_report_begin(unwinder->dwfl);
    status = dwfl_linux_proc_report(unwinder->dwfl, unwinder->pid);
    if (status == 0 && dwfl_report_end(unwinder->dwfl, NULL, NULL) == 0) {
        return dwfl_attach_state(unwinder->dwfl, NULL, unwinder->pid, &thread_callbacks,
                                 unwinder)
                   ? 0
                   : -ESRCH;
    }
    return status > 0 ? -status : -ESRCH;
}

int seep_unwinder_new(pid_t pid, const struct seep_memory_map *map,
                      struct seep_unwinder **out)
{
    struct seep_unwinder *unwinder = calloc(1, sizeof(*unwinder));
    struct seep_unwinder *before = current;
    int status = -ENOMEM;

    if (unwinder == NULL) {
        return -ENOMEM;
    }
    unwinder->pid = pid;
    unwinder->map = map;
    unwinder->other_root = is_other_root(pid);
    unwinder->frames = calloc(SEEP_PROBE_FRAMES_MAX, sizeof(*unwinder->frames));
    unwinder->modules = calloc(1, sizeof(*unwinder->modules));
    unwinder->dwfl = dwfl_begin(&file_callbacks);
    if (unwinder->modules != NULL) {
        unwinder->modules[0].path = strdup("");
        unwinder->module_count = 1;
    }
    if (unwinder->frames != NULL && unwinder->dwfl != NULL && unwinder->modules != NULL &&
        unwinder->modules[0].path != NULL) {
        current = unwinder;
        status = report_modules(unwinder);
        current = before;
    }
    if (status < 0) {
        seep_unwinder_free(unwinder);
        return status;
    }
    *out = unwinder;
    return 0;
}

void seep_unwinder_free(struct seep_unwinder *unwinder)
{
    if (unwinder == NULL) {
        return;
    }
    if (unwinder->dwfl != NULL) {
        dwfl_end(unwinder->dwfl);
    }
    for (size_t i = 0; i < unwinder->module_count; i++) {
        free(unwinder->modules[i].path);
    }
    free(unwinder->modules);
    free(unwinder->frames);
    free(unwinder);
}

struct seep_probe_module *seep_unwinder_modules_take(struct seep_unwinder *unwinder,
                                                     size_t *count)
{
    struct seep_probe_module *modules = unwinder->modules;

    *count = unwinder->module_count;
    unwinder->modules = NULL;
    unwinder->module_count = 0;
    return modules;
}
