# The backend: a unit test per module, and its behaviour against real clients.
file(GLOB PMA_UNIT_TESTS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/test_pma_*.c)
add_library(pma_redis_server STATIC ${PROJECT_SOURCE_DIR}/tests/unit/redis_server.c)
target_include_directories(pma_redis_server PUBLIC ${PROJECT_SOURCE_DIR}/tests/unit)
target_link_libraries(pma_redis_server PUBLIC pma)
foreach(path ${PMA_UNIT_TESTS})
    get_filename_component(stem ${path} NAME_WE)
    string(REPLACE "test_" "" name ${stem})
    seep_unit_test(${name} pma_redis_server pma)
    set_tests_properties(unit.${name} PROPERTIES SKIP_RETURN_CODE 77)
endforeach()

set_property(TEST unit.pma_config APPEND PROPERTY ENVIRONMENT
    "PMA_EXAMPLE=${PROJECT_SOURCE_DIR}/configs/pma-backend.yaml")

# Debian's interpreter: python3-websockets is one of its packages.
file(GLOB PMA_SERVER_TESTS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/server/test_*.py)
foreach(path ${PMA_SERVER_TESTS})
    get_filename_component(stem ${path} NAME_WE)
    string(REPLACE "test_" "" name ${stem})
    add_test(NAME server.${name} COMMAND /usr/bin/python3 ${path})
    set_tests_properties(server.${name} PROPERTIES TIMEOUT 120 LABELS server
        ENVIRONMENT "PMA_BACKEND=$<TARGET_FILE:pma-backend>;PYTHONDONTWRITEBYTECODE=1")
endforeach()

# What clients say about themselves, against texts that are nearly right.
add_executable(fuzz-access ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_access.c
    ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_access.c ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_text.c)
target_include_directories(fuzz-access PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz)
target_link_libraries(fuzz-access PRIVATE pma)
add_test(NAME fuzz.access COMMAND fuzz-access)
set_tests_properties(fuzz.access PROPERTIES LABELS fuzz TIMEOUT 60
    ENVIRONMENT "UBSAN_OPTIONS=abort_on_error=1;ASAN_OPTIONS=abort_on_error=1")

# Messages between backends: 200,000 mutated ones.
add_executable(fuzz-backplane ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_backplane.c
    ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_backplane.c ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_text.c)
target_include_directories(fuzz-backplane PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz)
target_link_libraries(fuzz-backplane PRIVATE pma)
add_test(NAME fuzz.backplane COMMAND fuzz-backplane)
set_tests_properties(fuzz.backplane PROPERTIES LABELS fuzz TIMEOUT 120
    ENVIRONMENT "UBSAN_OPTIONS=abort_on_error=1;ASAN_OPTIONS=abort_on_error=1")

# What a tool server may say, against lines that are nearly right.
add_executable(fuzz-mcp-session ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_mcp_session.c
    ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_mcp_session.c)
target_include_directories(fuzz-mcp-session PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz)
target_link_libraries(fuzz-mcp-session PRIVATE pma)
add_test(NAME fuzz.mcp_session COMMAND fuzz-mcp-session)
set_tests_properties(fuzz.mcp_session PROPERTIES LABELS fuzz TIMEOUT 60
    ENVIRONMENT "UBSAN_OPTIONS=abort_on_error=1;ASAN_OPTIONS=abort_on_error=1")

# What providers answer, scripts and chats of clients, nearly right.
add_executable(fuzz-ai-answer ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_ai_answer.c
    ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_ai_answer.c)
target_include_directories(fuzz-ai-answer PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz)
target_link_libraries(fuzz-ai-answer PRIVATE pma)
add_test(NAME fuzz.ai_answer COMMAND fuzz-ai-answer)
set_tests_properties(fuzz.ai_answer PROPERTIES LABELS fuzz TIMEOUT 60
    ENVIRONMENT "UBSAN_OPTIONS=abort_on_error=1;ASAN_OPTIONS=abort_on_error=1")

add_executable(fuzz-entity ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_entity.c
    ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_entity.c ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_text.c)
target_include_directories(fuzz-entity PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz)
target_link_libraries(fuzz-entity PRIVATE pma)
add_test(NAME fuzz.entity COMMAND fuzz-entity)
set_tests_properties(fuzz.entity PROPERTIES LABELS "fuzz;server" TIMEOUT 180)

# The load driver's own modules.
seep_unit_test(load_script)
target_sources(test_load_script PRIVATE ${PROJECT_SOURCE_DIR}/bench/load/load_script.c
    ${PROJECT_SOURCE_DIR}/bench/load/load_profile.c)
target_include_directories(test_load_script PRIVATE ${PROJECT_SOURCE_DIR})
