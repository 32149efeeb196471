/* Processor use is a difference: the original slept a second per request between two
 * looks at /proc/stat. Here the look before is kept, and is whoever asked before.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/machine.h"

#include "server/pool/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CPU_FIELDS 8 /* user nice system idle iowait irq softirq steal */
#define CPU_IDLE   3
#define CPU_IOWAIT 4

static pthread_mutex_t machine_lock = PTHREAD_MUTEX_INITIALIZER; /* PMA_LOCK_MACHINE */
static uint64_t busy_before, total_before;
static double percent_before;

/* The number after `key`, 0 when it is not there. */
static uint64_t number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at != NULL ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static double percent_of(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

/* text: of /proc/stat. */
static double cpu_percent(const char *text)
{
    uint64_t busy = 0;
    uint64_t total = 0;
    char *at = (char *)(uintptr_t)text + strcspn(text, " ");
    for (int field = 0; field < CPU_FIELDS; field++) {
        const uint64_t ticks = strtoull(at, &at, 10);
        total += ticks;
        busy += field != CPU_IDLE && field != CPU_IOWAIT ? ticks : 0;
    }
    pthread_mutex_lock(&machine_lock);
    if (total > total_before && busy >= busy_before) {
        percent_before = percent_of(busy - busy_before, total - total_before);
        busy_before = busy;
        total_before = total;
    }
    const double percent = percent_before;
    pthread_mutex_unlock(&machine_lock);
    return percent;
}

/* Reads one file into the buffer, in the place of what it held. */
static const char *read_file(struct pma_buffer *buffer, const char *path)
{
    buffer->used = 0;
    buffer->bytes[0] = '\0';
    (void)pma_buffer_read_file(buffer, path);
    return buffer->bytes;
}

void pma_machine_read(struct pma_machine *machine)
{
    struct statvfs disk;
    struct pma_buffer *buffer = pma_pool_get(PMA_POOL_BYTE_SLICE_MEDIUM);
    memset(machine, 0, sizeof *machine);
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    machine->processors = processors > 0 ? (uint32_t)processors : 0;
    if (statvfs("/", &disk) == 0) {
        machine->disk_total_bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
        machine->disk_free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
        machine->disk_percent = percent_of(disk.f_blocks - disk.f_bfree,
                                           disk.f_blocks - disk.f_bfree + disk.f_bavail);
    }
    if (buffer == NULL) {
        return;
    }
    const char *meminfo = read_file(buffer, "/proc/meminfo");
    machine->memory_total_bytes = number_after(meminfo, "MemTotal:") * 1024;
    machine->memory_available_bytes = number_after(meminfo, "MemAvailable:") * 1024;
    machine->memory_percent =
        percent_of(machine->memory_total_bytes - machine->memory_available_bytes,
                   machine->memory_total_bytes);
    machine->cpu_percent = cpu_percent(read_file(buffer, "/proc/stat"));
    machine->load_1m = strtod(read_file(buffer, "/proc/loadavg"), NULL);
    machine->uptime_s = strtoull(read_file(buffer, "/proc/uptime"), NULL, 10);
    machine->cpu_celsius =
        strtod(read_file(buffer, "/sys/class/thermal/thermal_zone0/temp"), NULL) / 1000;
    pma_pool_put(buffer);
}

double pma_machine_process_cpu_s(void)
{
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) != 0) {
        return 0;
    }
    return (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}
