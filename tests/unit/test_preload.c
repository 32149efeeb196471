/* Options, the program's file and its environment: what is decided before a program
 * starts.
 *
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/options.h"
#include "collect/preload_check.h"
#include "collect/preload_env.h"
#include "seep/sampling.h"

static void options_of_the_environment_replace_the_defaults(void **state)
{
    struct seep_collect_options options = seep_options_default();

    (void)state;
    seep_options_parse(NULL, &options);
    seep_options_parse("", &options);
    assert_int_equal(options.interval_ns, 1000000000);
    seep_options_parse("interval=0.5,mode=full,,min-child=0,no-children", &options);
    assert_int_equal(options.interval_ns, 500000000);
    assert_int_equal(options.min_child_ns, 0);
    assert_false(options.children);
    assert_int_equal(options.note_count, 0);
    assert_int_equal(options.mode, SEEP_MODE_FULL);
    seep_options_parse("mode=sampled=64k,sample-seed=3", &options);
    assert_int_equal(options.mode, SEEP_MODE_SAMPLED);
    assert_int_equal(options.sample_bytes, 65536);
    seep_options_parse("mode=sampled", &options);
    assert_int_equal(options.sample_bytes, 524288);
    assert_int_equal(options.note_count, 0);
}

static void wrong_options_become_notes_and_the_default_stays(void **state)
{
    struct seep_collect_options options = seep_options_default();
    char many[4096] = "";

    (void)state;
    seep_options_parse(
        "interval=0.05,interval=x,interval=nan,mode=sampled=9,what,min-child=-1",
        &options);
    assert_int_equal(options.interval_ns, 1000000000);
    assert_int_equal(options.note_count, 6);
    assert_non_null(
        strstr(options.notes[0], "interval '0.05': seconds from 0.1 to 3600"));
    assert_non_null(strstr(options.notes[3], "sampled"));
    assert_non_null(strstr(options.notes[4], "unknown option 'what'"));
    for (size_t i = 0; i < 500; i++) {
        memcpy(many + 4 * i, "bad,", 5);
    }
    seep_options_parse(many, &options);
    assert_int_equal(options.note_count, SEEP_OPTION_NOTES_MAX);
}

static void programs_are_found_as_execvp_finds_them(void **state)
{
    char path[4096];

    (void)state;
    assert_int_equal(seep_preload_find("sh", path, sizeof(path)), 0);
    assert_int_equal(access(path, X_OK), 0);
    assert_int_equal(seep_preload_find("/bin/sh", path, sizeof(path)), 0);
    assert_string_equal(path, "/bin/sh");
    assert_int_equal(seep_preload_find("/bin", path, sizeof(path)), -EACCES);
    assert_int_equal(seep_preload_find("/etc/passwd", path, sizeof(path)), -EACCES);
    assert_int_equal(seep_preload_find("no-such-program", path, sizeof(path)), -ENOENT);
    assert_int_equal(seep_preload_find("/no/such", path, sizeof(path)), -ENOENT);
    assert_int_equal(seep_preload_find("/bin/sh", path, 4), -ENAMETOOLONG);
}

/* Copies /bin/sh's first bytes, with the ELF header changed by `change`, and checks that
 * file. */
static int check_changed(void (*change)(Elf64_Ehdr *), struct seep_error *error)
{
    char name[] = "/tmp/seep-elf-XXXXXX";
    char bytes[8192];
    int from = open("/bin/sh", O_RDONLY);
    int to = mkstemp(name);
    int result = 0;

    assert_int_equal(read(from, bytes, sizeof(bytes)), sizeof(bytes));
    change((Elf64_Ehdr *)(void *)bytes);
    assert_int_equal(write(to, bytes, sizeof(bytes)), sizeof(bytes));
    close(from);
    close(to);
    result = seep_preload_check(name, error);
    unlink(name);
    return result;
}

static void leave(Elf64_Ehdr *header)
{
    (void)header;
}
static void make_static(Elf64_Ehdr *header)
{
    Elf64_Phdr *segments = (Elf64_Phdr *)(void *)((char *)header + header->e_phoff);

    for (unsigned i = 0; i < header->e_phnum; i++) {
        segments[i].p_type =
            segments[i].p_type == PT_INTERP ? PT_NULL : segments[i].p_type;
    }
}
static void make_foreign(Elf64_Ehdr *header)
{
    header->e_machine = EM_S390;
}
static void make_narrow(Elf64_Ehdr *header)
{
    header->e_ident[EI_CLASS] = ELFCLASS32;
}
static void make_script(Elf64_Ehdr *header)
{
    memcpy(header, "#!/bin/sh\n", 10);
}
static void make_far(Elf64_Ehdr *header)
{
    header->e_phoff = UINT64_MAX - 3;
}

static void what_cannot_be_preloaded_is_said(void **state)
{
    struct seep_error error = {0};

    (void)state;
    assert_int_equal(check_changed(leave, &error), 0);
    assert_int_equal(check_changed(make_script, &error), 0);
    assert_int_equal(check_changed(make_static, &error), -ENOEXEC);
    assert_non_null(strstr(error.message, "statically linked"));
    assert_int_equal(check_changed(make_foreign, &error), -ENOEXEC);
    assert_non_null(strstr(error.message, "architecture"));
    assert_int_equal(check_changed(make_narrow, &error), -ENOEXEC);
    assert_int_equal(check_changed(make_far, &error), -ENOEXEC);
    assert_int_equal(seep_preload_check("/no/such", &error), -ENOENT);
}

static void a_setuid_program_of_another_user_is_refused(void **state)
{
    char name[] = "/tmp/seep-suid-XXXXXX";
    struct seep_error error = {0};
    int fd = mkstemp(name);

    (void)state;
    if (geteuid() != 0) {
        close(fd);
        unlink(name);
        skip(); /* only root can give a file away */
    }
    assert_int_equal(fchown(fd, 12345, 12345), 0);
    assert_int_equal(fchmod(fd, 04755), 0);
    close(fd);
    assert_int_equal(seep_preload_check(name, &error), -ENOEXEC);
    assert_non_null(strstr(error.message, "setuid"));
    unlink(name);
}

static const char *value_of(char **env, const char *name)
{
    const char *found = NULL;

    for (; *env != NULL; env++) {
        if (strncmp(*env, name, strlen(name)) == 0 && (*env)[strlen(name)] == '=') {
            assert_null(found); /* once only */
            found = *env + strlen(name) + 1;
        }
    }
    return found;
}

static void the_library_comes_first_and_the_rest_stays(void **state)
{
    char *env[] = {(char *)"A=1",
                   (char *)"LD_PRELOAD=/x.so",
                   (char *)"SEEP_SOCKET=old",
                   (char *)"SEEP_OPTIONS=interval=2",
                   (char *)"LD_PRELOADED=y",
                   NULL};
    const struct seep_collect_options alone = {.children = false};
    const struct seep_collect_options sampled = {
        .children = true, .mode = SEEP_MODE_SAMPLED, .sample_bytes = 4096};
    const struct seep_collect_options both = {.mode = SEEP_MODE_FULL};
    const struct seep_collect_options check = {.children = true, .check_every = 16};
    char *nested[] = {(char *)"SEEP_OPTIONS=no-children,main-pid=7", NULL};
    char **copy = seep_preload_env(env, "/lib/libseep.so", "@name", &alone);

    (void)state;
    assert_non_null(copy);
    assert_string_equal(value_of(copy, "LD_PRELOAD"), "/lib/libseep.so:/x.so");
    assert_string_equal(value_of(copy, "SEEP_SOCKET"), "@name");
    assert_string_equal(value_of(copy, "SEEP_OPTIONS"), "no-children,interval=2");
    assert_string_equal(value_of(copy, "A"), "1");
    assert_string_equal(value_of(copy, "LD_PRELOADED"), "y");
    seep_preload_env_free(copy);
    copy = seep_preload_env(env + 5, "/lib/libseep.so", "@name", &sampled);
    assert_string_equal(value_of(copy, "LD_PRELOAD"), "/lib/libseep.so");
    assert_string_equal(value_of(copy, "SEEP_OPTIONS"), "mode=sampled=4096");
    seep_preload_env_free(copy);
    copy = seep_preload_env(env, "/lib/libseep.so", "@name", &both);
    assert_string_equal(value_of(copy, "SEEP_OPTIONS"),
                        "no-children,interval=2,mode=full");
    seep_preload_env_free(copy);
    copy = seep_preload_env(env, "/lib/libseep.so", "@name", &check);
    assert_string_equal(value_of(copy, "SEEP_OPTIONS"), "interval=2,check=16");
    seep_preload_env_free(copy);
    copy = seep_preload_env(env + 5, "/lib/libseep.so", "@name", &check);
    assert_string_equal(value_of(copy, "SEEP_OPTIONS"), "check=16");
    seep_preload_env_free(copy);
    copy = seep_preload_env(nested, "/lib/libseep.so", "@name", &alone);
    assert_string_equal(value_of(copy, "SEEP_OPTIONS"),
                        "no-children,no-children,main-pid=7,main-pid=0");
    seep_preload_env_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_the_environment_replace_the_defaults),
        cmocka_unit_test(wrong_options_become_notes_and_the_default_stays),
        cmocka_unit_test(programs_are_found_as_execvp_finds_them),
        cmocka_unit_test(what_cannot_be_preloaded_is_said),
        cmocka_unit_test(a_setuid_program_of_another_user_is_refused),
        cmocka_unit_test(the_library_comes_first_and_the_rest_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
