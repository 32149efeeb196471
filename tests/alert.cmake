# Alerts and pushed profiles.
foreach(module alert_state alert_outbox alert_note alert_target alerts)
    seep_unit_test(${module} seep_alert)
endforeach()
target_link_libraries(test_alert_note PRIVATE jansson)
set_tests_properties(unit.alerts PROPERTIES LABELS "unit;threads")

if(TARGET seep)
    add_executable(alert-recording ${CMAKE_CURRENT_SOURCE_DIR}/alert/alert_recording.c)
    target_link_libraries(alert-recording PRIVATE seep_recording_forge seep_own_process)
    add_executable(alert-leaky ${CMAKE_CURRENT_SOURCE_DIR}/alert/alert_leaky.c)
    target_include_directories(alert-leaky PRIVATE ${PROJECT_SOURCE_DIR}/include)
    set_target_properties(alert-recording alert-leaky PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/hosts)
    foreach(name alerts alertmanager push alert_options)
        add_test(NAME alert.${name} COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/alert/test_${name}.py
            $<TARGET_FILE:seep> $<TARGET_FILE:alert-recording> $<TARGET_FILE:golden_program> $<TARGET_FILE:alert-leaky>)
        set_tests_properties(alert.${name} PROPERTIES LABELS alert TIMEOUT 180 SKIP_RETURN_CODE 77)
    endforeach()
    add_test(NAME alert.alert_delay COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/alert/test_alert_delay.py
        $<TARGET_FILE:seep> $<TARGET_FILE:alert-recording> $<TARGET_FILE:golden_program> $<TARGET_FILE:alert-leaky>
        $<TARGET_FILE:stuck-threads>)
    # It measures a delay: not beside other tests.
    set_tests_properties(alert.alert_delay PROPERTIES LABELS alert TIMEOUT 180 RUN_SERIAL ON)
endif()
