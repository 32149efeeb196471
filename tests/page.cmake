# The page of `seep serve`, in a browser. Skipped, with a message, where node, npm or Chromium are not there.
find_program(NODE_PROGRAM node)
if(TARGET golden_write AND TARGET seep)
    set(PAGE_TEST ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/serve/page_test.py $<TARGET_FILE:seep> $<TARGET_FILE:golden_write>
        $<TARGET_FILE:golden_program>)
    add_test(NAME serve.page COMMAND ${PAGE_TEST})
    set_tests_properties(serve.page PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 180 LABELS serve)
    if(TARGET pma-backend AND TARGET stuck-threads)
        add_test(NAME serve.page_live COMMAND ${PAGE_TEST} $<TARGET_FILE:pma-backend>
            $<TARGET_FILE:stuck-threads>)
        set_tests_properties(serve.page_live PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 180 LABELS serve)
    endif()
endif()
if(NODE_PROGRAM)
    add_test(NAME serve.page_units COMMAND ${NODE_PROGRAM} --test ${PROJECT_SOURCE_DIR}/tests/serve/page_units_test.mjs)
    set_tests_properties(serve.page_units PROPERTIES TIMEOUT 60 LABELS serve)
endif()
