/* Cgroups of both versions, made of files in a directory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/memory_limits.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static char root[] = "/tmp/pma_cgroup_XXXXXX";

/* Writes root/path, with the directories before it. */
static void put(const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *slash = strchr(whole + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int setup(void **state)
{
    (void)state;
    memcpy(root + strlen(root) - 6, "XXXXXX", 6);
    return mkdtemp(root) == NULL;
}

static int drop(const char *path, const struct stat *facts, int kind, struct FTW *walk)
{
    (void)facts;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static void assert_limit(uint64_t bytes, uint32_t version)
{
    struct pma_memory_limits limits;
    pma_cgroup_read(root, &limits);
    assert_int_equal(limits.cgroup_bytes, bytes);
    assert_int_equal(limits.cgroup_version, version);
}

static void without_cgroups_there_is_no_limit(void **state)
{
    (void)state;
    assert_limit(UINT64_MAX, 0);
    put("/proc/self/cgroup", "12:cpu:/\nnonsense\n:\n");
    assert_limit(UINT64_MAX, 0);
}

static void version_2_takes_the_least_on_the_way_up(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/a/b\n");
    put("/sys/fs/cgroup/a/b/memory.max", "max\n");
    assert_limit(UINT64_MAX, 2);
    put("/sys/fs/cgroup/a/memory.max", "104857600\n");
    assert_limit(100 * MIB, 2);
    put("/sys/fs/cgroup/a/b/memory.high", "73400320\n");
    assert_limit(70 * MIB, 2);
    put("/sys/fs/cgroup/memory.max", "1048576\n");
    assert_limit(MIB, 2);
}

static void a_path_of_the_host_ends_at_the_mount_point(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/../../system.slice/x.scope\n");
    put("/sys/fs/cgroup/memory.max", "209715200\n");
    assert_limit(200 * MIB, 2);
}

static void version_1_knows_no_limit_as_a_huge_number(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "3:cpu,cpuacct:/x\n2:memory:/docker/abc\n0::/y\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_limit(UINT64_MAX, 1);
    put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "67108864\n");
    assert_limit(64 * MIB, 1);
}

static void a_file_with_something_else_is_no_limit(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "");
    assert_limit(UINT64_MAX, 2);
    put("/sys/fs/cgroup/memory.max", "999999999999999999999999\n");
    assert_limit(UINT64_MAX, 2);
    put("/sys/fs/cgroup/memory.max", "lots\n");
    assert_limit(UINT64_MAX, 2);
}

static void thresholds_go_down_in_proportion_and_never_above(void **state)
{
    struct pma_memory_limits limits = {.cgroup_bytes = UINT64_MAX};
    (void)state;
    pma_memory_limits_apply(1024 * MIB, 512 * MIB, 80, &limits);
    assert_int_equal(limits.max_memory_usage_bytes, 1024 * MIB);
    assert_int_equal(limits.max_heap_alloc_bytes, 512 * MIB);
    limits.cgroup_bytes = 640 * MIB;
    pma_memory_limits_apply(1024 * MIB, 512 * MIB, 80, &limits);
    assert_int_equal(limits.max_memory_usage_bytes, 512 * MIB);
    assert_int_equal(limits.max_heap_alloc_bytes, 256 * MIB);
    limits.cgroup_bytes = 64 * 1024 * MIB;
    pma_memory_limits_apply(1024 * MIB, 512 * MIB, 80, &limits);
    assert_int_equal(limits.max_memory_usage_bytes, 1024 * MIB);
    limits.cgroup_bytes = 0;
    pma_memory_limits_apply(1024 * MIB, 512 * MIB, 80, &limits);
    assert_int_equal(limits.max_memory_usage_bytes, 1);
    assert_int_equal(limits.max_heap_alloc_bytes, 1);
}

#define LIMITS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIMITS_TEST(without_cgroups_there_is_no_limit),
        LIMITS_TEST(version_2_takes_the_least_on_the_way_up),
        LIMITS_TEST(a_path_of_the_host_ends_at_the_mount_point),
        LIMITS_TEST(version_1_knows_no_limit_as_a_huge_number),
        LIMITS_TEST(a_file_with_something_else_is_no_limit),
        cmocka_unit_test(thresholds_go_down_in_proportion_and_never_above),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
