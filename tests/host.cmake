# Small programs that count for themselves, run under libseep.so with a witness in place of the collector.
set(SEEP_HOST_DIR ${PROJECT_BINARY_DIR}/tests/host)
function(seep_host_program name source)
    add_executable(host_${name} ${PROJECT_SOURCE_DIR}/tests/host/${source})
    set_target_properties(host_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${SEEP_HOST_DIR})
    target_link_libraries(host_${name} PRIVATE seep_options Threads::Threads ${CMAKE_DL_LIBS} ${ARGN})
    target_compile_options(host_${name} PRIVATE -O2 -g)
endfunction()

pkg_check_modules(LIBUNWIND REQUIRED IMPORTED_TARGET libunwind)
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)
foreach(name annotated at_exit bounded cleared counted descriptor_traps descriptors forks functions lifetimes limited locked mappings marks own_allocator sampled segment_facts signals site_figures small_stack
        threads timers unload unwrapped ways_out)
    seep_host_program(${name} ${name}.c)
endforeach()
target_compile_options(host_own_allocator PRIVATE -fno-builtin)
seep_host_program(counted_jemalloc counted.c PkgConfig::JEMALLOC)
seep_host_program(stacks stacks.c PkgConfig::LIBUNWIND)
seep_host_program(operators operators.cpp)
seep_host_program(loader_error loader_error.cpp)

# Allocators of other kinds, linked; preloaded they are the same programs.
find_library(TCMALLOC NAMES libtcmalloc_minimal.so.4 REQUIRED)
seep_host_program(mappings_jemalloc mappings.c PkgConfig::JEMALLOC)
seep_host_program(jemalloc_family jemalloc_family.c PkgConfig::JEMALLOC)
seep_host_program(tcmalloc_family tcmalloc_family.c ${TCMALLOC})
seep_host_program(operators_jemalloc operators.cpp PkgConfig::JEMALLOC)
seep_host_program(operators_tcmalloc operators.cpp ${TCMALLOC})
foreach(name mappings_jemalloc jemalloc_family tcmalloc_family operators_jemalloc operators_tcmalloc)
    target_link_options(host_${name} PRIVATE -Wl,--no-as-needed)
    target_compile_options(host_${name} PRIVATE -fno-builtin)
endforeach()

# seep_host_library(NAME): a library that a host program is linked with.
function(seep_host_library name)
    add_library(host_${name} SHARED ${PROJECT_SOURCE_DIR}/tests/host/${name}.c)
    set_target_properties(host_${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${SEEP_HOST_DIR})
    target_link_libraries(host_${name} PRIVATE seep_options)
    target_compile_options(host_${name} PRIVATE -O2 -g -fno-builtin)
endfunction()
seep_host_library(bump)
seep_host_library(resolver)
seep_host_program(jumps jumps.c host_bump)
seep_host_program(stress stress.c host_bump)
seep_host_program(early early.c host_resolver)
seep_host_library(probe_plugin)
seep_host_library(c23_library)
seep_host_program(probes probes.c host_probe_plugin)
seep_host_program(probes_fixed probes.c host_probe_plugin)
target_link_options(host_probes_fixed PRIVATE -no-pie -Wl,-z,now)
target_compile_options(host_probes_fixed PRIVATE -fno-pie)
seep_host_program(c23 c23.c host_c23_library)
target_compile_options(host_c23 PRIVATE -fno-builtin)

# Two libraries with frames of different size, so that one's rules are wrong for the other.
foreach(plugin first second)
    add_library(host_${plugin}_plugin SHARED ${PROJECT_SOURCE_DIR}/tests/host/plugin.c)
    set_target_properties(host_${plugin}_plugin PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${SEEP_HOST_DIR})
    target_link_libraries(host_${plugin}_plugin PRIVATE seep_options)
    target_compile_definitions(host_${plugin}_plugin PRIVATE PLUGIN_FUNCTION=${plugin}_plugin
        PLUGIN_FRAME_BYTES=$<IF:$<STREQUAL:${plugin},first>,64,640>)
    target_compile_options(host_${plugin}_plugin PRIVATE -O2 -g)
endforeach()

add_test(NAME host.shim COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tests/host/host_test.py
    $<TARGET_FILE:seep_shim> ${SEEP_HOST_DIR})
set_tests_properties(host.shim PROPERTIES TIMEOUT 300 LABELS host ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")

add_test(NAME host.holding COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tests/host/holding_test.py
    $<TARGET_FILE:seep_shim> ${SEEP_HOST_DIR})
set_tests_properties(host.holding PROPERTIES TIMEOUT 120 LABELS host ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")

add_test(NAME host.stress COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tests/host/stress_test.py
    $<TARGET_FILE:seep_shim> ${SEEP_HOST_DIR} --seconds 10)
set_tests_properties(host.stress PROPERTIES TIMEOUT 200 LABELS host ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")

add_test(NAME host.recording COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tests/host/recording_test.py
    $<TARGET_FILE:seep> $<TARGET_FILE:seep_shim> ${SEEP_HOST_DIR})
set_tests_properties(host.recording PROPERTIES TIMEOUT 120 LABELS host ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")

add_test(NAME host.sampled COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tests/host/sampled_test.py
    $<TARGET_FILE:seep_shim> ${SEEP_HOST_DIR})
set_tests_properties(host.sampled PROPERTIES TIMEOUT 120 LABELS host ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")

add_test(NAME host.allocators COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tests/host/allocator_test.py
    $<TARGET_FILE:seep_shim> ${SEEP_HOST_DIR})
set_tests_properties(host.allocators PROPERTIES TIMEOUT 300 LABELS host ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")

# Stacks that are hard to take, each compared with libunwind's (stack_tally.c).
add_library(host_stack_tally STATIC ${PROJECT_SOURCE_DIR}/tests/host/stack_tally.c
    ${PROJECT_SOURCE_DIR}/tests/unit/subjects/odd_frames.S)
target_include_directories(host_stack_tally PUBLIC ${PROJECT_SOURCE_DIR}/tests/host ${PROJECT_SOURCE_DIR}/tests/unit)
target_link_libraries(host_stack_tally PUBLIC seep_options Threads::Threads ${CMAKE_DL_LIBS})
target_compile_options(host_stack_tally PRIVATE $<$<COMPILE_LANGUAGE:C>:-O2 -g>)
seep_host_library(lazy)
seep_host_program(odd odd.c host_stack_tally host_lazy)
target_link_options(host_odd PRIVATE -Wl,-z,lazy)
foreach(name alike coroutines deep generated reload wild)
    seep_host_program(${name} ${name}.c host_stack_tally)
endforeach()
target_compile_options(host_alike PRIVATE -fomit-frame-pointer -fno-optimize-sibling-calls)
seep_host_program(exceptions exceptions.cpp host_stack_tally)
foreach(size small large)
    add_library(host_${size}_caller SHARED ${PROJECT_SOURCE_DIR}/tests/host/caller_plugin.c)
    set_target_properties(host_${size}_caller PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${SEEP_HOST_DIR})
    target_link_libraries(host_${size}_caller PRIVATE seep_options)
    target_compile_definitions(host_${size}_caller PRIVATE PLUGIN_FRAME_BYTES=$<IF:$<STREQUAL:${size},small>,256,640>)
    target_compile_options(host_${size}_caller PRIVATE -O2 -g)
endforeach()
foreach(shape cet framed plain)
    seep_host_program(stacks_${shape} stacks.c PkgConfig::LIBUNWIND)
endforeach()
target_compile_options(host_stacks_cet PRIVATE -fcf-protection=full)
target_compile_options(host_stacks_framed PRIVATE -fno-omit-frame-pointer)
target_compile_options(host_stacks_plain PRIVATE -O0)
add_test(NAME host.stack COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tests/host/stack_test.py
    $<TARGET_FILE:seep_shim> ${SEEP_HOST_DIR})
set_tests_properties(host.stack PROPERTIES TIMEOUT 200 LABELS host ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")
