# What WebSocket clients send, against the hub without sockets: 2 s, 30 s with CI set.
set(fuzz ${PROJECT_SOURCE_DIR}/tests/fuzz)
add_executable(fuzz-ws-request ${fuzz}/fuzz_ws_request.c ${fuzz}/mutate_ws_request.c)
target_link_libraries(fuzz-ws-request PRIVATE pma)
target_link_options(fuzz-ws-request PRIVATE
    -Wl,--wrap=lws_callback_on_writable,--wrap=lws_set_timeout)
add_test(NAME fuzz.ws_request COMMAND fuzz-ws-request ${fuzz}/corpus/ws_requests.txt)
set_tests_properties(fuzz.ws_request PROPERTIES LABELS "fuzz;server" TIMEOUT 180)
