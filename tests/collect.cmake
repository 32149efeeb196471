# The collector (analyzer/collect) and `seep run`.
add_library(seep_segment_forge STATIC ${PROJECT_SOURCE_DIR}/tests/unit/segment_forge.c)
target_include_directories(seep_segment_forge PUBLIC ${PROJECT_SOURCE_DIR}/tests/unit)
target_link_libraries(seep_segment_forge PUBLIC seep_own_process)

seep_unit_test(segment_read seep_collect seep_segment_forge)
seep_unit_test(live_scan seep_collect seep_segment_forge)
seep_unit_test(segment_view seep_collect)
seep_unit_test(wake_proof seep_collect)
seep_unit_test(live_blocks seep_collect seep_segment_forge)
seep_unit_test(holding_read seep_collect seep_segment_forge)
seep_unit_test(socket_names seep_collect)
seep_unit_test(newcomer seep_collect)
seep_unit_test(fd_sample seep_collect seep_segment_forge)
seep_unit_test(proc_sample seep_collect seep_segment_forge)
seep_unit_test(wait_detail seep_collect seep_load seep_segment_forge)
seep_unit_test(lifetime_read seep_collect seep_load seep_segment_forge)
target_link_libraries(test_lifetime_read PRIVATE Threads::Threads)
seep_unit_test(session seep_collect seep_load seep_segment_forge)
seep_unit_test(roster seep_collect seep_load seep_segment_forge)
# Written by the collector, read back by analyzer/load: the two share nothing but seep/recording.h.
seep_unit_test(record_write seep_collect seep_load)
seep_unit_test(record_thin seep_collect seep_load)
seep_unit_test(preload seep_collect)
seep_unit_test(peak_watch seep_collect)
seep_unit_test(ticker seep_collect)
target_link_libraries(test_proc_sample PRIVATE Threads::Threads)
target_link_libraries(test_wait_detail PRIVATE Threads::Threads)

# `seep run` and the sidecar, end to end.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_executable(counting_program ${PROJECT_SOURCE_DIR}/tests/collect/counting_program.c)
target_link_libraries(counting_program PRIVATE seep_options Threads::Threads)
add_test(NAME collect.run COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/collect/run_test.py
    $<TARGET_FILE:seep> $<TARGET_FILE:seep_shim> $<TARGET_FILE:counting_program>)
set_tests_properties(collect.run PROPERTIES TIMEOUT 180 LABELS collect)

# Two builds of one program, for seep diff; the second leaks.
foreach(build plain regressed)
    add_executable(build_${build} ${PROJECT_SOURCE_DIR}/tests/collect/regressed.c)
    target_link_libraries(build_${build} PRIVATE seep_options)
    target_compile_options(build_${build} PRIVATE -O2 -g)
endforeach()
target_compile_definitions(build_regressed PRIVATE REGRESSED)
add_test(NAME collect.diff COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/collect/diff_test.py
    $<TARGET_FILE:seep> $<TARGET_FILE:build_plain> $<TARGET_FILE:build_regressed>)
set_tests_properties(collect.diff PROPERTIES TIMEOUT 180 LABELS collect)

# Pairs of real runs; bench/diff_pairs.py has the long form.
add_test(NAME collect.diff_pairs COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/bench/diff_pairs.py
    --short --build ${CMAKE_BINARY_DIR})
set_tests_properties(collect.diff_pairs PROPERTIES TIMEOUT 120 LABELS collect ENVIRONMENT "CC=${CMAKE_C_COMPILER}")

add_test(NAME collect.bisect COMMAND ${Python3_EXECUTABLE}
    ${PROJECT_SOURCE_DIR}/tests/collect/bisect_test.py $<TARGET_FILE:seep> ${CMAKE_C_COMPILER})
set_tests_properties(collect.bisect PROPERTIES TIMEOUT 300 LABELS collect)

# Programs that replace themselves by others; one of them cannot be preloaded.
foreach(kind launcher static_launcher)
    add_executable(${kind} ${PROJECT_SOURCE_DIR}/tests/collect/launcher.c)
    target_link_libraries(${kind} PRIVATE seep_options Threads::Threads)
endforeach()
target_link_options(static_launcher PRIVATE -static)
add_test(NAME collect.exec COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/collect/exec_test.py
    $<TARGET_FILE:seep> $<TARGET_FILE:seep_shim> $<TARGET_FILE:counting_program> $<TARGET_FILE:launcher>
    $<TARGET_FILE:static_launcher>)
set_tests_properties(collect.exec PROPERTIES TIMEOUT 180 LABELS collect ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")

add_executable(spike_program ${PROJECT_SOURCE_DIR}/tests/collect/spike_program.c)
target_link_libraries(spike_program PRIVATE seep_options)
add_test(NAME collect.peak COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/collect/peak_test.py
    $<TARGET_FILE:seep> $<TARGET_FILE:spike_program>)
set_tests_properties(collect.peak PROPERTIES TIMEOUT 120 LABELS collect RUN_SERIAL ON)

# Descriptors, timers and mappings, end to end.
add_executable(leaky_holdings ${PROJECT_SOURCE_DIR}/tests/collect/leaky_holdings.c)
target_link_libraries(leaky_holdings PRIVATE seep_options)
add_test(NAME collect.holdings COMMAND ${Python3_EXECUTABLE}
    ${PROJECT_SOURCE_DIR}/tests/collect/holdings_test.py
    $<TARGET_FILE:seep> $<TARGET_FILE:seep_shim> $<TARGET_FILE:leaky_holdings>)
set_tests_properties(collect.holdings PROPERTIES TIMEOUT 180 LABELS collect)

# Threads that are left at exit. The first two are what a project's own tests look like (docs/threads.md).
add_test(NAME collect.no_thread_left COMMAND seep run --fail-on definite --at-exit-threads none
    -o ${PROJECT_BINARY_DIR}/tests/no_thread_left.seep -- $<TARGET_FILE:host_at_exit> joined)
add_test(NAME collect.a_thread_left COMMAND seep run --fail-on definite --at-exit-threads none=0.1
    -o ${PROJECT_BINARY_DIR}/tests/a_thread_left.seep -- $<TARGET_FILE:host_at_exit> running)
set_tests_properties(collect.a_thread_left PROPERTIES WILL_FAIL ON)
add_test(NAME collect.threads COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/collect/threads_test.py
    $<TARGET_FILE:seep> $<TARGET_FILE:host_at_exit> $<TARGET_FILE:host_unwrapped>)
set_tests_properties(collect.no_thread_left collect.a_thread_left collect.threads PROPERTIES TIMEOUT 120 LABELS collect)

# Threads that never run again, and idle ones.
add_executable(stuck-threads ${PROJECT_SOURCE_DIR}/tests/collect/stuck_threads.c)
target_link_libraries(stuck-threads PRIVATE seep_options)
add_test(NAME collect.stuck COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/collect/stuck_test.py
    $<TARGET_FILE:seep> $<TARGET_FILE:stuck-threads>)
set_tests_properties(collect.stuck PROPERTIES TIMEOUT 600 LABELS collect)

# Healthy threads whose only friend is hard to find.
add_executable(kept-queues ${PROJECT_SOURCE_DIR}/tests/collect/kept_queues.c)
target_link_libraries(kept-queues PRIVATE seep_options)
target_compile_options(kept-queues PRIVATE -O2)
add_test(NAME collect.kept COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/collect/kept_test.py
    $<TARGET_FILE:seep> $<TARGET_FILE:kept-queues>)
set_tests_properties(collect.kept PROPERTIES TIMEOUT 240 LABELS collect)

# Threads that pile up, locks without an owner, C++: bench/thread_matrix.py runs them, beside servers.
add_executable(leaking-threads ${PROJECT_SOURCE_DIR}/tests/collect/leaking_threads.c)
target_link_libraries(leaking-threads PRIVATE seep_options)
add_executable(stuck-promises ${PROJECT_SOURCE_DIR}/tests/collect/stuck_promises.cc)
if(NOT SEEP_SANITIZE) # the backend would be sanitized, and bring an allocator of its own
    add_test(NAME collect.thread_matrix COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/bench/thread_matrix.py
        --short --build ${CMAKE_BINARY_DIR})
    set_tests_properties(collect.thread_matrix PROPERTIES TIMEOUT 240 LABELS collect)
endif()
