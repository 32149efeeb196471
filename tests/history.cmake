# Histories of runs: seep store, seep gate.
seep_unit_test(history seep_history)
seep_unit_test(trend_series seep_history)
seep_unit_test(gate_rule seep_history)
seep_unit_test(leak_gate seep_history)

add_executable(stat_gate_rates ${PROJECT_SOURCE_DIR}/tests/stat/gate_rates.c)
target_link_libraries(stat_gate_rates PRIVATE seep_history seep_simulated seep_own_process m)
add_test(NAME stat.gate_rates COMMAND stat_gate_rates 4000)
set_tests_properties(stat.gate_rates PROPERTIES TIMEOUT 120 LABELS stat)

add_executable(history_write ${PROJECT_SOURCE_DIR}/tests/history/history_write.c)
target_link_libraries(history_write PRIVATE seep_recording_forge seep_own_process)
if(TARGET seep)
    foreach(kind sqlite postgres)
        add_test(NAME history.${kind} COMMAND python3 -B ${PROJECT_SOURCE_DIR}/tests/history/history_test.py
            ${kind} $<TARGET_FILE:seep> $<TARGET_FILE:history_write> $<TARGET_FILE:golden_program>
            $<TARGET_FILE:test_history> ${PROJECT_SOURCE_DIR}/docs/ci)
        set_tests_properties(history.${kind} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 240 LABELS history)
    endforeach()
endif()
