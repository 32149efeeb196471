# Trend, series, verdicts, reports and the command line around them.
foreach(module theil_sen mann_kendall envelope sign_test fdr plateau forecast growth
        staircase pace pair_count shape student survival together)
    seep_unit_test(${module} seep_trend)
endforeach()
foreach(module walk_test hamed_rao change_point saturation slope_error)
    seep_unit_test(${module} seep_trend seep_simulated)
endforeach()
seep_unit_test(window seep_series seep_recording_forge)
seep_unit_test(series seep_series)
seep_unit_test(ages seep_series seep_recording_forge)
seep_unit_test(findings seep_verdict)
seep_unit_test(headline seep_verdict)
seep_unit_test(growth_verdict seep_verdict)
seep_unit_test(target_groups seep_verdict)
seep_unit_test(past_verdict seep_verdict seep_recording_forge)
seep_unit_test(declared_limit seep_verdict seep_recording_forge)
seep_unit_test(glob seep_base)
seep_unit_test(parallel seep_base)
set_tests_properties(unit.parallel PROPERTIES LABELS "unit;threads")
seep_unit_test(suppress seep_verdict)
seep_unit_test(site_match seep_diff)
seep_unit_test(alignment seep_diff)
seep_unit_test(subsystem_rules seep_verdict seep_recording_forge)
seep_unit_test(diff seep_diff seep_recording_forge)
seep_unit_test(site_set seep_diff seep_recording_forge)
foreach(module subsystem_rules diff site_set)
    target_compile_definitions(test_${module} PRIVATE
        GOLDEN_PROGRAM="$<TARGET_FILE:golden_program>")
    add_dependencies(test_${module} golden_program)
endforeach()
add_executable(fuzz-rules ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_rules.c
    ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_rules.c ${PROJECT_SOURCE_DIR}/tests/fuzz/mutate_text.c)
target_link_libraries(fuzz-rules PRIVATE seep_verdict)
add_test(NAME fuzz.rules COMMAND fuzz-rules 1)
set_tests_properties(fuzz.rules PROPERTIES LABELS fuzz TIMEOUT 60)
seep_unit_test(verdict seep_verdict seep_recording_forge)
seep_unit_test(report_text seep_report)
seep_unit_test(report_formats seep_report z jansson)
seep_unit_test(profile_view seep_verdict seep_recording_forge)
seep_unit_test(html_pictures seep_report)
seep_unit_test(timeline seep_verdict seep_recording_forge)
seep_unit_test(units seep_verdict seep_recording_forge)
seep_unit_test(pattern seep_verdict seep_recording_forge)
seep_unit_test(caller_group seep_verdict seep_recording_forge)
seep_unit_test(group_suppress seep_verdict seep_recording_forge)
seep_unit_test(one_cause seep_verdict seep_recording_forge)
seep_unit_test(namesake seep_verdict)
seep_unit_test(child_groups seep_report)
seep_unit_test(top_model seep_top seep_recording_forge)
seep_unit_test(top_screen seep_top seep_recording_forge)

# A library with functions at fixed offsets, so that reports do not depend on the compiler.
add_library(golden_program SHARED ${PROJECT_SOURCE_DIR}/tests/golden/golden_program.S)
set_target_properties(golden_program PROPERTIES PREFIX "" OUTPUT_NAME pma-backend SUFFIX ""
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/golden LINKER_LANGUAGE C)
target_compile_options(golden_program PRIVATE -g -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
target_link_options(golden_program PRIVATE -nostdlib -Wl,--build-id=none -Wl,-z,noseparate-code
    -Wl,-Ttext=0x1000)

add_executable(golden_write ${PROJECT_SOURCE_DIR}/tests/golden/golden_write.c
    ${PROJECT_SOURCE_DIR}/tests/golden/golden_recordings.c)
target_link_libraries(golden_write PRIVATE seep_recording_forge seep_own_process)

if(TARGET seep)
    add_test(NAME golden.report COMMAND ${PROJECT_SOURCE_DIR}/tests/golden/run_golden.sh
        $<TARGET_FILE:seep> $<TARGET_FILE:golden_write> $<TARGET_FILE:golden_program>
        ${PROJECT_SOURCE_DIR}/tests/golden)
    add_test(NAME golden.cli COMMAND ${PROJECT_SOURCE_DIR}/tests/golden/run_cli.sh
        $<TARGET_FILE:seep> $<TARGET_FILE:golden_write> $<TARGET_FILE:golden_program>)
    add_test(NAME golden.odd_recordings COMMAND python3 -B
        ${PROJECT_SOURCE_DIR}/tests/golden/odd_recordings_test.py $<TARGET_FILE:seep>
        $<TARGET_FILE:odd-recordings>)
    set_tests_properties(golden.odd_recordings PROPERTIES TIMEOUT 300 LABELS golden)
    if(SEEP_SANITIZE)
        set_tests_properties(golden.odd_recordings PROPERTIES ENVIRONMENT SEEP_SANITIZED=1)
    endif()
    add_test(NAME golden.progress COMMAND python3 -B
        ${PROJECT_SOURCE_DIR}/tests/golden/progress_test.py $<TARGET_FILE:seep>
        $<TARGET_FILE:large-recording> $<TARGET_FILE:seep>)
    set_tests_properties(golden.progress PROPERTIES TIMEOUT 180 LABELS golden)
    # Under ThreadSanitizer as well.
    add_test(NAME golden.processors COMMAND python3 -B ${PROJECT_SOURCE_DIR}/tests/golden/processors_test.py
        $<TARGET_FILE:seep> $<TARGET_FILE:large-recording>)
    set_tests_properties(golden.processors PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 240 LABELS "golden;threads")
    if(SEEP_SANITIZE)
        set_tests_properties(golden.processors PROPERTIES ENVIRONMENT SEEP_SANITIZED=1)
    endif()
    add_test(NAME golden.suppress COMMAND python3 -B ${PROJECT_SOURCE_DIR}/tests/golden/suppress_test.py
        $<TARGET_FILE:seep> $<TARGET_FILE:golden_write> $<TARGET_FILE:golden_program>)
    set_tests_properties(golden.suppress PROPERTIES TIMEOUT 120 LABELS golden)
    add_test(NAME golden.html COMMAND python3 -B ${PROJECT_SOURCE_DIR}/tests/golden/html_test.py
        $<TARGET_FILE:seep> $<TARGET_FILE:golden_write> $<TARGET_FILE:golden_program>)
    add_test(NAME golden.html_browser COMMAND python3 -B
        ${PROJECT_SOURCE_DIR}/tests/golden/html_browser_test.py
        $<TARGET_FILE:seep> $<TARGET_FILE:golden_write> $<TARGET_FILE:golden_program>)
    set_tests_properties(golden.html_browser PROPERTIES SKIP_RETURN_CODE 77 RUN_SERIAL TRUE)
    if(TARGET pma-backend)
        add_test(NAME golden.soak_page COMMAND python3 -B ${PROJECT_SOURCE_DIR}/tests/golden/soak_page_test.py
            $<TARGET_FILE:seep> $<TARGET_FILE:pma-backend> ${PROJECT_SOURCE_DIR}/tests/golden/html_browser_test.py)
        set_tests_properties(golden.soak_page PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 240 LABELS golden)
    endif()
    set_tests_properties(golden.html_browser golden.report golden.cli golden.html PROPERTIES TIMEOUT 120 LABELS golden)
endif()

add_library(seep_simulated STATIC ${PROJECT_SOURCE_DIR}/tests/stat/simulated_random.c
    ${PROJECT_SOURCE_DIR}/tests/stat/series_kinds.c
    ${PROJECT_SOURCE_DIR}/tests/stat/simulated_run.c)
target_include_directories(seep_simulated PUBLIC ${PROJECT_SOURCE_DIR}/tests/stat)
target_link_libraries(seep_simulated PUBLIC seep_verdict seep_collect)
add_executable(stat_growth_rates ${PROJECT_SOURCE_DIR}/tests/stat/growth_rates.c)
target_link_libraries(stat_growth_rates PRIVATE seep_simulated seep_own_process)
add_test(NAME stat.growth_rates COMMAND stat_growth_rates --runs 200
    --expected ${PROJECT_SOURCE_DIR}/tests/stat/expected_growth_rates.txt)
set_tests_properties(stat.growth_rates PROPERTIES TIMEOUT 120 LABELS stat)

add_executable(stat_forecast_rates ${PROJECT_SOURCE_DIR}/tests/stat/forecast_rates.c)
target_link_libraries(stat_forecast_rates PRIVATE seep_simulated seep_own_process)
add_test(NAME stat.forecast_rates COMMAND stat_forecast_rates 200)
set_tests_properties(stat.forecast_rates PROPERTIES TIMEOUT 120 LABELS stat)

add_executable(stat_sampled_rates ${PROJECT_SOURCE_DIR}/tests/stat/sampled_rates.c)
target_link_libraries(stat_sampled_rates PRIVATE seep_simulated seep_own_process)
add_test(NAME stat.sampled_rates COMMAND stat_sampled_rates)
set_tests_properties(stat.sampled_rates PROPERTIES TIMEOUT 120 LABELS stat)

# What blocked threads wait for.
foreach(module wait_kind wait_graph reach)
    seep_unit_test(${module} seep_waits)
endforeach()
seep_unit_test(stuck_graph seep_verdict)
