/* The live view's keys and lines.
 *
 * SPDX-License-Identifier: MIT
 */
#include "top/top_screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "recording_sample.h"

enum { SECONDS = 30, MANY = 100 };

struct scene {
    struct seep_recording *recording;
    struct seep_top_view view;
    struct seep_top_model model;
    struct seep_top_names names;
    struct seep_top_screen screen;
};

/* MANY heap sites with 1, 2, 3 ... blocks, in two subsystems, and one of threads. */
static void set_up(struct scene *scene, const char *subsystem)
{
    struct seep_forge forge;

    *scene = (struct scene){0};
    seep_forge_init(&forge);
    seep_forge_program(&forge, "/nowhere/leaky", SEEP_FORGE_SECOND);
    uint32_t module = seep_forge_module(&forge, "/nowhere/leaky", NULL, 0, 0, 0x10000);
    uint32_t odd = seep_forge_subsystem(&forge, subsystem);
    uint32_t even = seep_forge_subsystem(&forge, "even");

    for (uint64_t i = 1; i <= MANY; i++) {
        uint32_t leaf = seep_forge_stack(&forge, module, (uint64_t[]){0x1000 + i}, 1);

        seep_forge_site(&forge, leaf, i % 2 == 1 ? odd : even, SEEP_KIND_HEAP, 0);
    }
    seep_forge_site(&forge, SEEP_NODE_COMPLETE, 0, SEEP_KIND_THREAD, 0);
    for (uint64_t s = 1; s <= SECONDS; s++) {
        for (uint32_t i = 1; i <= MANY; i++) {
            seep_forge_count(&forge, i, i, 0, 16 * i, 0);
        }
        seep_forge_snapshot(&forge, s * SEEP_FORGE_SECOND, NULL);
    }
    scene->recording = seep_sample_open(&forge);
    seep_forge_fini(&forge);
    seep_top_view_init(&scene->view);
    scene->view.lines = 24;
}

static void tear_down(struct scene *scene)
{
    seep_top_screen_fini(&scene->screen);
    seep_top_names_fini(&scene->names);
    seep_top_model_fini(&scene->model);
    seep_recording_free(scene->recording);
}

static void draw(struct scene *scene)
{
    struct seep_top_query query = {
        .kind = scene->view.kind,
        .sort = scene->view.sort,
        .subsystem = scene->view.subsystem,
        .window_s = scene->view.window_s,
        .snapshot = seep_top_view_snapshot(&scene->view, scene->recording)};

    assert_int_equal(seep_top_model_update(&scene->model, scene->recording, &query), 0);
    assert_int_equal(seep_top_screen_draw(&scene->screen, &scene->view, &scene->model,
                                          &scene->names, scene->recording),
                     0);
}

static void press(struct scene *scene, unsigned key)
{
    seep_top_view_key(&scene->view, scene->recording, &scene->model, key);
    draw(scene);
}

/* Whether a line holds the text. */
static bool shows(const struct scene *scene, const char *text)
{
    for (size_t i = 0; i < scene->screen.count; i++) {
        struct seep_top_line line = seep_top_screen_line(&scene->screen, i);

        if (memmem(scene->screen.text.data + line.at, line.len_bytes, text,
                   strlen(text)) != NULL) {
            return true;
        }
    }
    return false;
}

static uint32_t selected_site(const struct scene *scene)
{
    return scene->model.rows[scene->view.selected].site;
}

static void a_screen_has_the_lines_and_columns_that_it_is_given(void **state)
{
    static const unsigned sizes[][2] = {{80, 24}, {200, 60}, {40, 8}, {20, 3}, {1, 1}};
    struct scene scene;
    (void)state;

    set_up(&scene, "odd");
    scene.view.utf8 = true;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (int page = SEEP_TOP_SITES; page <= SEEP_TOP_HELP; page++) {
            scene.view.columns = sizes[s][0];
            scene.view.lines = sizes[s][1];
            scene.view.page = (enum seep_top_page)page;
            draw(&scene);
            assert_int_equal(scene.screen.count, sizes[s][1]);
            for (size_t i = 0; i < scene.screen.count; i++) {
                struct seep_top_line line = seep_top_screen_line(&scene.screen, i);
                size_t columns = 0;

                for (size_t b = 0; b < line.len_bytes; b++) {
                    columns += (scene.screen.text.data[line.at + b] & 0xc0) != 0x80;
                }
                assert_true(columns <= sizes[s][0]);
            }
        }
    }
    tear_down(&scene);
}

static void rows_are_chosen_and_scrolled_to(void **state)
{
    struct scene scene;
    (void)state;

    set_up(&scene, "odd");
    draw(&scene);
    assert_int_equal(selected_site(&scene), MANY);
    for (int i = 0; i < 40; i++) {
        press(&scene, SEEP_TOP_KEY_DOWN);
    }
    assert_int_equal(selected_site(&scene), MANY - 40);
    assert_int_equal(scene.view.scroll, 40 - (24 - 7) + 1);
    press(&scene, SEEP_TOP_KEY_HOME);
    assert_int_equal(selected_site(&scene), MANY);
    for (int i = 0; i < 20; i++) {
        press(&scene, SEEP_TOP_KEY_PAGE_DOWN);
    }
    assert_int_equal(selected_site(&scene), 1);
    tear_down(&scene);
}

static void a_filter_is_typed_and_taken_back(void **state)
{
    struct scene scene;
    (void)state;

    set_up(&scene, "odd");
    draw(&scene);
    press(&scene, '/');
    for (const char *c = "evem"; *c != '\0'; c++) {
        press(&scene, (unsigned char)*c);
    }
    assert_int_equal(scene.model.count, 0);
    assert_true(shows(&scene, "nothing of this kind is live"));
    press(&scene, SEEP_TOP_KEY_BACKSPACE);
    assert_int_equal(scene.model.count, MANY / 2);
    press(&scene, '\n');
    press(&scene, 'q');
    assert_true(scene.view.quit); /* a letter no more */
    press(&scene, 27);
    assert_int_equal(scene.model.count, MANY);
    press(&scene, 'u');
    assert_string_equal(scene.view.subsystem, "odd");
    press(&scene, 'u');
    assert_string_equal(scene.view.subsystem, "even");
    press(&scene, 'u');
    assert_string_equal(scene.view.subsystem, "");
    tear_down(&scene);
}

static void kinds_go_round(void **state)
{
    struct scene scene;
    (void)state;

    set_up(&scene, "odd");
    draw(&scene);
    for (int i = 0; i < 2; i++) {
        press(&scene, '\t');
    }
    assert_int_equal(scene.view.kind, SEEP_KIND_THREAD);
    assert_true(shows(&scene, "[thread]"));
    press(&scene, SEEP_TOP_KEY_BACK_TAB);
    assert_int_equal(scene.view.kind, SEEP_KIND_MAPPING);
    press(&scene, '5');
    assert_int_equal(scene.view.kind, SEEP_KIND_TIMER);
    press(&scene, '\t');
    assert_int_equal(scene.view.kind, SEEP_KIND_HEAP);
    tear_down(&scene);
}

static void time_stands_still_goes_back_and_on(void **state)
{
    struct scene scene;
    (void)state;

    set_up(&scene, "odd");
    draw(&scene);
    assert_false(shows(&scene, "FROZEN"));
    press(&scene, ' ');
    assert_true(shows(&scene, "FROZEN at 0:00:30"));
    press(&scene, SEEP_TOP_KEY_LEFT);
    press(&scene, SEEP_TOP_KEY_LEFT);
    assert_true(shows(&scene, "FROZEN at 0:00:28"));
    press(&scene, SEEP_TOP_KEY_RIGHT);
    assert_true(shows(&scene, "FROZEN at 0:00:29"));
    press(&scene, SEEP_TOP_KEY_RIGHT);
    assert_false(shows(&scene, "FROZEN"));
    for (int i = 0; i < MANY; i++) {
        press(&scene, SEEP_TOP_KEY_LEFT);
    }
    assert_true(shows(&scene, "FROZEN at 0:00:01"));
    press(&scene, SEEP_TOP_KEY_END);
    assert_false(shows(&scene, "FROZEN"));
    tear_down(&scene);
}

static void a_stack_opens_and_closes(void **state)
{
    struct scene scene;
    (void)state;

    set_up(&scene, "odd");
    draw(&scene);
    press(&scene, SEEP_TOP_KEY_DOWN);
    press(&scene, '\n');
    assert_int_equal(scene.view.page, SEEP_TOP_STACK);
    assert_int_equal(scene.view.site, MANY - 1);
    assert_true(shows(&scene, "subsystem odd"));
    press(&scene, 27);
    assert_int_equal(scene.view.page, SEEP_TOP_SITES);
    press(&scene, '?');
    assert_true(shows(&scene, "the program notices nothing"));
    press(&scene, '?');
    assert_int_equal(scene.view.page, SEEP_TOP_SITES);
    tear_down(&scene);
}

static void names_cannot_steer_the_terminal(void **state)
{
    struct scene scene;
    (void)state;

    set_up(&scene, "a\033[2J\xff\xc2\x9b"
                   "b");
    scene.view.utf8 = true;
    draw(&scene);
    assert_true(shows(&scene, "a?[2J???b"));
    for (size_t i = 0; i < scene.screen.text.len_bytes; i++) {
        assert_true(scene.screen.text.data[i] >= ' ');
        assert_int_not_equal(scene.screen.text.data[i], 0x7f);
    }
    scene.view.utf8 = false;
    draw(&scene);
    for (size_t i = 0; i < scene.screen.text.len_bytes; i++) {
        assert_in_range(scene.screen.text.data[i], ' ', '~');
    }
    tear_down(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_screen_has_the_lines_and_columns_that_it_is_given),
        cmocka_unit_test(rows_are_chosen_and_scrolled_to),
        cmocka_unit_test(a_filter_is_typed_and_taken_back),
        cmocka_unit_test(kinds_go_round),
        cmocka_unit_test(time_stands_still_goes_back_and_on),
        cmocka_unit_test(a_stack_opens_and_closes),
        cmocka_unit_test(names_cannot_steer_the_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
