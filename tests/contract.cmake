# What must hold for the tree and the built programs as a whole: layers, format, exports, error exits.
set(CONTRACT ${CMAKE_CURRENT_SOURCE_DIR}/contract)

# seep_contract_test(NAME ARGUMENTS...): tests/contract/test_NAME.py with what it needs to know.
function(seep_contract_test name)
    add_test(NAME contract.${name} COMMAND /usr/bin/python3 -B ${CONTRACT}/test_${name}.py ${ARGN})
    set_tests_properties(contract.${name} PROPERTIES LABELS contract TIMEOUT 120)
endfunction()

add_test(NAME contract.layers COMMAND /usr/bin/python3 -B ${PROJECT_SOURCE_DIR}/scripts/check_layers.py)
add_test(NAME contract.format COMMAND bash ${CONTRACT}/check_format.sh)
add_test(NAME contract.shell COMMAND bash ${CONTRACT}/check_shell.sh)
set_tests_properties(contract.layers contract.format contract.shell PROPERTIES LABELS contract TIMEOUT 120)

seep_contract_test(layer_rules)
seep_contract_test(scripts)
seep_contract_test(bench)
seep_contract_test(threads)
seep_contract_test(backend_page)
seep_contract_test(soak)
if(TARGET seep_shim)
    seep_contract_test(exports $<TARGET_FILE:seep_shim>)
endif()
if(TARGET seep)
    seep_contract_test(command_line $<TARGET_FILE:seep>)
    seep_contract_test(install ${CMAKE_COMMAND} ${CMAKE_BINARY_DIR})
endif()
if(TARGET seep)
    add_test(NAME contract.completion COMMAND bash ${CONTRACT}/check_completion.sh $<TARGET_FILE_DIR:seep>)
    set_tests_properties(contract.completion PROPERTIES LABELS contract TIMEOUT 60)
endif()
# Timings of real processes: not beside other tests.
set_tests_properties(contract.soak PROPERTIES RUN_SERIAL ON)
