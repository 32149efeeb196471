/* A program that is run for an alert.
 *
 * posix_spawn and not fork: we have threads. The JSON is in a file of memory and not in a
 * pipe, so that a program that does not read cannot hold us up. It gets a process group
 * of its own, which is what is killed when its time is over.
 *
 * SPDX-License-Identifier: MIT
 */
#include "alert/alert_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alert/alert_target.h"

enum { FIRST_CLOSED = 3, EXTRA_VARIABLES = 2 };

static const char *status_name(const struct seep_alert_note *note)
{
    return note->resolved ? "SEEP_ALERT_STATUS=resolved" : "SEEP_ALERT_STATUS=firing";
}

static void free_environment(char **environment)
{
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        free(environment[i]);
    }
    free(environment);
}

/* Ours and the note's; none of ours that begins with SEEP_ALERT_. NULL: no memory. */
static char **make_environment(const struct seep_alert_note *note)
{
    static const char prefix[] = "SEEP_ALERT_";
    size_t count = 0;
    size_t n = 0;
    char **made = NULL;

    while (environ[count] != NULL) {
        count++;
    }
    made = calloc(count + SEEP_NOTE_TEXTS + EXTRA_VARIABLES, sizeof(*made));
    if (made == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], prefix, sizeof(prefix) - 1) != 0 &&
            (made[n++] = strdup(environ[i])) == NULL) {
            goto fail;
        }
    }
    for (int i = 0; i < SEEP_NOTE_TEXTS; i++) {
        if (asprintf(&made[n], "%s=%s", seep_alert_note_name((enum seep_alert_text)i),
                     note->text[i]) < 0) {
            made[n] = NULL;
            goto fail;
        }
        n++;
    }
    made[n] = strdup(status_name(note));
    if (made[n] != NULL) {
        return made;
    }
fail:
    free_environment(made);
    return NULL;
}

/* The JSON in a file of memory, to be read from its start. Returns: descriptor; errno. */
static int make_input(const struct seep_alert_note *note)
{
    struct seep_buf json = {0};
    int fd = -1;
    int status = seep_alert_note_json(note, &json);
    size_t done = 0;

    seep_buf_put(&json, "\n", 1);
    if (status < 0 || json.failed) {
        status = -ENOMEM;
        goto end;
    }
    fd = memfd_create("seep-alert", MFD_CLOEXEC);
    if (fd < 0) {
        status = -errno;
        goto end;
    }
    while (done < json.len_bytes) {
        ssize_t n = write(fd, json.data + done, json.len_bytes - done);

        if (n < 0) {
            status = -errno;
            close(fd);
            goto end;
        }
        done += (size_t)n;
    }
    status = lseek(fd, 0, SEEK_SET) < 0 ? -errno : fd;
end:
    seep_buf_fini(&json);
    return status;
}

/* Starts it. Returns: 0; negative errno. */
static int start(char *const *words, char *const *environment, int input, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    int code = 0;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return -ENOMEM;
    }
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -ENOMEM;
    }
    code = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (code == 0) {
        code = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
                                                O_WRONLY, 0);
    }
    if (code == 0) {
        code = posix_spawn_file_actions_addclosefrom_np(&actions, FIRST_CLOSED);
    }
    if (code == 0) {
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setsigdefault(&attributes, &all);
        (void)posix_spawnattr_setpgroup(&attributes, 0);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
                                                        POSIX_SPAWN_SETSIGDEF |
                                                        POSIX_SPAWN_SETPGROUP);
        code = posix_spawn(pid, words[0], &actions, &attributes, words, environment);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -code;
}

/* Waits for it, kills it when its time is over. */
static int finish(pid_t pid, const char *path, int limit_ms, struct seep_error *error)
{
    struct pollfd ended = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    bool is_late = false;
    int status = 0;

    if (ended.fd >= 0) {
        int n = poll(&ended, 1, limit_ms);

        while (n < 0 && errno == EINTR) {
            n = poll(&ended, 1, limit_ms);
        }
        is_late = n == 0;
        close(ended.fd);
    }
    if (is_late) {
        (void)kill(-pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (is_late) {
        return seep_error_set(error, -ETIMEDOUT, "%s: not done within %.0f s, killed",
                              path, limit_ms / 1e3);
    }
    if (WIFSIGNALED(status)) {
        return seep_error_set(error, -EIO, "%s: killed by signal %d", path,
                              WTERMSIG(status));
    }
    if (WEXITSTATUS(status) != 0) {
        return seep_error_set(error, -EIO, "%s: exit status %d; 0 says that it took it",
                              path, WEXITSTATUS(status));
    }
    return 0;
}

int seep_alert_command_run(const char *line, const struct seep_alert_note *note,
                           int limit_ms, struct seep_error *error)
{
    char *words[SEEP_ALERT_WORDS_MOST + 1] = {NULL};
    char *copy = strdup(line);
    char **environment = make_environment(note);
    char *rest = NULL;
    size_t count = 0;
    pid_t pid = 0;
    int input = -1;
    int status = -ENOMEM;

    if (copy == NULL || environment == NULL) {
        (void)seep_error_set(error, status, "%s: out of memory", line);
        goto end;
    }
    for (char *word = strtok_r(copy, " \t", &rest);
         word != NULL && count < SEEP_ALERT_WORDS_MOST;
         word = strtok_r(NULL, " \t", &rest)) {
        words[count++] = word;
    }
    input = make_input(note);
    status = input < 0    ? input
             : count == 0 ? -ENOENT
                          : start(words, environment, input, &pid);
    status = status < 0
                 ? seep_error_set(error, status, "%s: cannot be run: %s",
                                  count > 0 ? words[0] : line, strerrordesc_np(-status))
                 : finish(pid, words[0], limit_ms, error);
end:
    if (input >= 0) {
        close(input);
    }
    free_environment(environment);
    free(copy);
    return status;
}
