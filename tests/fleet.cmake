# Many instances at once: the reader of a metrics server's replies, judging, pivots, real servers.
seep_unit_test(fisher seep_trend)
foreach(module json_stream query_reader fleet_life fleet_pivot)
    seep_unit_test(${module} seep_fleet)
endforeach()
add_executable(fuzz-query ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_query.c
    ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_query.c ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_text.c)
target_link_libraries(fuzz-query PRIVATE seep_fleet)
add_test(NAME fuzz.query COMMAND fuzz-query)
set_tests_properties(fuzz.query PROPERTIES LABELS fuzz TIMEOUT 120)
if(TARGET seep)
    add_test(NAME fleet.command COMMAND python3 -B ${PROJECT_SOURCE_DIR}/tests/fleet/fleet_test.py $<TARGET_FILE:seep>)
    set_tests_properties(fleet.command PROPERTIES TIMEOUT 120 LABELS fleet)
    add_test(NAME fleet.servers COMMAND python3 -B ${PROJECT_SOURCE_DIR}/tests/fleet/fleet_servers_test.py
        $<TARGET_FILE:seep>)
    set_tests_properties(fleet.servers PROPERTIES TIMEOUT 240 LABELS fleet SKIP_RETURN_CODE 77)
endif()
