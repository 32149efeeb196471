# Reading recordings and naming addresses (analyzer/load), and `seep dump`.
pkg_check_modules(FORGE_LIBS REQUIRED IMPORTED_TARGET libzstd libxxhash)

# Recordings made to order, for the tests of every part.
add_library(seep_recording_forge STATIC ${PROJECT_SOURCE_DIR}/tests/unit/recording_forge.c ${PROJECT_SOURCE_DIR}/tests/unit/recording_forge_marks.c
    ${PROJECT_SOURCE_DIR}/tests/unit/recording_sample.c)
target_include_directories(seep_recording_forge PUBLIC ${PROJECT_SOURCE_DIR}/tests/unit
    ${PROJECT_SOURCE_DIR}/analyzer)
target_link_libraries(seep_recording_forge PUBLIC seep_load PRIVATE PkgConfig::FORGE_LIBS)

seep_unit_test(record_read seep_load seep_recording_forge)
target_link_libraries(test_record_read PRIVATE PkgConfig::FORGE_LIBS)
seep_unit_test(buf seep_base)
seep_unit_test(site_points seep_load)
seep_unit_test(point_queue seep_load)
set_tests_properties(unit.point_queue PROPERTIES LABELS "unit;threads")
seep_unit_test(age_scan seep_load)
seep_unit_test(recording seep_load seep_recording_forge)
seep_unit_test(follow seep_load seep_recording_forge)
seep_unit_test(recording_refuse seep_load seep_recording_forge)
seep_unit_test(symbol seep_load seep_recording_forge)
seep_unit_test(symbol_file seep_load seep_recording_forge)

# Files with known names and lines. Optimised in every build type: inlining is the point.
set(subjects ${CMAKE_BINARY_DIR}/tests/subjects)
file(MAKE_DIRECTORY ${subjects}/split/.debug)
function(seep_symbol_subject name source)
    set(compiler ${CMAKE_C_COMPILER})
    if(source MATCHES "\\.cc$")
        set(compiler ${CMAKE_CXX_COMPILER})
    endif()
    add_custom_command(OUTPUT ${subjects}/${name}
        COMMAND ${compiler} -O2 -g -Wl,--build-id=sha1 ${ARGN}
            ${PROJECT_SOURCE_DIR}/tests/unit/subjects/${source} -o ${subjects}/${name}
        DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/subjects/${source} VERBATIM)
endfunction()
seep_symbol_subject(pie symbol_subject.c -pie -fPIE)
seep_symbol_subject(fixed symbol_subject.c -no-pie -fno-pie)
seep_symbol_subject(shared.so symbol_subject.c -shared -fPIC -fvisibility=hidden)
seep_symbol_subject(cxx symbol_subject_cxx.cc -pie -fPIE)
# One copy finds its debug information beside it by name, the other nowhere.
add_custom_command(OUTPUT ${subjects}/split/linked.so ${subjects}/split/stripped.so
    COMMAND ${CMAKE_OBJCOPY} --only-keep-debug shared.so split/.debug/linked.debug
    COMMAND ${CMAKE_OBJCOPY} --strip-all --add-gnu-debuglink=split/.debug/linked.debug
        shared.so split/linked.so
    COMMAND ${CMAKE_OBJCOPY} --strip-all shared.so split/stripped.so
    DEPENDS ${subjects}/shared.so WORKING_DIRECTORY ${subjects} VERBATIM)
# As clang writes it: without an index from addresses to units.
add_custom_command(OUTPUT ${subjects}/no-aranges
    COMMAND ${CMAKE_OBJCOPY} --remove-section .debug_aranges pie no-aranges
    DEPENDS ${subjects}/pie WORKING_DIRECTORY ${subjects} VERBATIM)
add_custom_target(symbol_subjects DEPENDS ${subjects}/no-aranges ${subjects}/pie ${subjects}/fixed
    ${subjects}/shared.so ${subjects}/cxx ${subjects}/split/linked.so)
# binutils', whatever the compiler: llvm's print differently
find_program(SEEP_ADDR2LINE addr2line REQUIRED)
find_program(SEEP_NM nm REQUIRED)
pkg_check_modules(SYMBOL_LIBS REQUIRED IMPORTED_TARGET libdw libelf)
foreach(test symbol symbol_file)
    add_dependencies(test_${test} symbol_subjects)
    target_sources(test_${test} PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit/symbol_scene.c)
    target_compile_definitions(test_${test} PRIVATE SUBJECTS="${subjects}"
        ADDR2LINE="${SEEP_ADDR2LINE}" NM="${SEEP_NM}")
    target_link_libraries(test_${test} PRIVATE PkgConfig::SYMBOL_LIBS)
endforeach()

# `seep dump` without the rest of the command line.
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
seep_unit_test(cmd_dump seep_load seep_recording_forge PkgConfig::JANSSON)
set(cli ${PROJECT_SOURCE_DIR}/analyzer/cli)
target_sources(test_cmd_dump PRIVATE ${cli}/cmd_dump.c ${cli}/cmd_dump_json.c ${cli}/dump_threads.c ${cli}/dump_line.c ${cli}/option.c
    ${cli}/cli.c ${cli}/progress_line.c ${cli}/output.c)

seep_unit_test(progress_line seep_load)
target_sources(test_progress_line PRIVATE ${cli}/progress_line.c ${cli}/output.c)

# The worked example of the format's document.
add_executable(tiny-recording ${PROJECT_SOURCE_DIR}/tests/tools/tiny_recording.c)
target_link_libraries(tiny-recording PRIVATE seep_recording_forge)
add_test(NAME docs.recording_format
    COMMAND tiny-recording --check ${PROJECT_SOURCE_DIR}/docs/recording-format.md)

# A recording of a big program's size: for bench/report_scale.py.
add_executable(large-recording ${PROJECT_SOURCE_DIR}/tests/tools/large_recording.c)
target_link_libraries(large-recording PRIVATE seep_recording_forge PkgConfig::SYMBOL_LIBS)

# Recordings that are sound in form and odd in what they say.
add_executable(odd-recordings ${PROJECT_SOURCE_DIR}/tests/tools/odd_recordings.c)
target_link_libraries(odd-recordings PRIVATE seep_recording_forge)

# The reader, the judge and the renderers against mutated recordings: 10 s, 60 s with CI=true.
set(fuzz ${PROJECT_SOURCE_DIR}/tests/fuzz)
file(GLOB fuzz_corpus CONFIGURE_DEPENDS ${fuzz}/corpus/*.bin)
add_executable(fuzz-recording ${fuzz}/mutate_recording.c ${fuzz}/fuzz_recording.c ${fuzz}/fuzz_judge.c)
target_include_directories(fuzz-recording PRIVATE ${fuzz})
target_link_libraries(fuzz-recording PRIVATE seep_report seep_diff seep_recording_forge PkgConfig::FORGE_LIBS
    PkgConfig::JANSSON)
add_test(NAME fuzz.recording COMMAND fuzz-recording ${fuzz_corpus})
set_tests_properties(fuzz.recording PROPERTIES LABELS fuzz TIMEOUT 180
    ENVIRONMENT "UBSAN_OPTIONS=abort_on_error=1;ASAN_OPTIONS=abort_on_error=1")

# The same target under libFuzzer: needs clang.
option(SEEP_FUZZ "build the libFuzzer programs (clang)" OFF)
if(SEEP_FUZZ)
    # the reader once more, instrumented, with checksums that always fit
    set(load ${PROJECT_SOURCE_DIR}/analyzer/load)
    add_executable(libfuzzer-recording ${fuzz}/fuzz_recording.c ${fuzz}/fuzz_judge.c ${load}/record_read.c
        ${load}/recording.c ${load}/recording_build.c ${load}/recording_decode.c ${load}/recording_pool.c ${load}/site_points.c
        ${load}/age_scan.c ${load}/decode_take.c ${load}/decode_snapshot.c)
    target_include_directories(libfuzzer-recording PRIVATE ${fuzz})
    target_compile_definitions(libfuzzer-recording PRIVATE
        FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
    target_compile_options(libfuzzer-recording PRIVATE -fsanitize=fuzzer,address)
    target_link_options(libfuzzer-recording PRIVATE -fsanitize=fuzzer,address)
    target_link_libraries(libfuzzer-recording PRIVATE seep_report seep_diff seep_base PkgConfig::FORGE_LIBS
        PkgConfig::JANSSON)
endif()
