# `seep serve`: its pieces, and the whole from outside.
if(TARGET seep_serve)
    seep_unit_test(live_judge seep_live seep_recording_forge)
    seep_unit_test(serve_gate seep_serve)
    seep_unit_test(serve_target seep_serve)
    seep_unit_test(serve_cache seep_serve)
    seep_unit_test(report_openmetrics seep_report)
endif()
if(TARGET seep AND TARGET golden_write AND TARGET watched)
    add_test(NAME serve.serve COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/serve/serve_test.py
        $<TARGET_FILE:seep> $<TARGET_FILE:watched> $<TARGET_FILE:golden_write> $<TARGET_FILE:golden_program>)
    set_tests_properties(serve.serve PROPERTIES TIMEOUT 240 LABELS serve)
    add_test(NAME serve.metrics COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/serve/metrics_test.py
        $<TARGET_FILE:seep> $<TARGET_FILE:watched> ${PROJECT_SOURCE_DIR}/docs)
    set_tests_properties(serve.metrics PROPERTIES TIMEOUT 180 LABELS serve SKIP_RETURN_CODE 77)
endif()
if(TARGET seep AND TARGET pma-backend)
    add_test(NAME serve.backend COMMAND /usr/bin/python3 -B ${PROJECT_SOURCE_DIR}/tests/serve/backend_test.py
        $<TARGET_FILE:seep>)
    set_tests_properties(serve.backend PROPERTIES TIMEOUT 120 LABELS serve
        ENVIRONMENT "PMA_BACKEND=$<TARGET_FILE:pma-backend>")
endif()
