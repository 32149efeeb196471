# One process seen from outside (analyzer/attach): stops, stacks, /proc.
add_library(seep_probe_child STATIC ${PROJECT_SOURCE_DIR}/tests/unit/probe_child.c)
target_include_directories(seep_probe_child PUBLIC ${PROJECT_SOURCE_DIR}/tests/unit)
target_link_libraries(seep_probe_child PUBLIC seep_attach PkgConfig::CMOCKA)
foreach(part probe probe_unseen probe_changes)
    seep_unit_test(${part} seep_attach seep_probe_child)
    target_link_libraries(test_${part} PRIVATE Threads::Threads)
endforeach()
seep_unit_test(task_list seep_attach)
seep_unit_test(thread_groups seep_threads)

# `seep threads`, end to end.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_executable(known_threads ${PROJECT_SOURCE_DIR}/tests/attach/known_threads.c)
target_link_libraries(known_threads PRIVATE seep_options Threads::Threads)
target_compile_options(known_threads PRIVATE -O1 -g -fno-inline -fno-optimize-sibling-calls)
add_test(NAME attach.threads COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/attach/threads_test.py
    $<TARGET_FILE:seep> $<TARGET_FILE:known_threads>)
add_executable(watched ${PROJECT_SOURCE_DIR}/tests/attach/watched.c)
target_link_libraries(watched PRIVATE seep_options Threads::Threads)
target_compile_options(watched PRIVATE -O1 -g -fno-inline -fno-optimize-sibling-calls)
add_test(NAME attach.top COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/attach/top_test.py
    $<TARGET_FILE:seep> $<TARGET_FILE:watched>)
set_tests_properties(attach.top PROPERTIES TIMEOUT 480 LABELS attach SKIP_RETURN_CODE 77)
set_tests_properties(attach.threads PROPERTIES TIMEOUT 480 LABELS attach)
