# Programs of the distribution under the shim; one ctest entry per program. Exit 77: not installed here.
set(SEEP_REAL_PROGRAMS Python Perl Sqlite Git Compiler Tar Node Redis Nginx Sidecar Failure)
foreach(program ${SEEP_REAL_PROGRAMS})
    string(TOLOWER ${program} name)
    add_test(NAME real.${name}
        COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/real/test_real.py
            --binaries ${PROJECT_BINARY_DIR} ${program}Test)
    set_tests_properties(real.${name} PROPERTIES LABELS real TIMEOUT 240 SKIP_RETURN_CODE 77)
endforeach()

# Stacks of real programs compared with libunwind's while they run (SEEP_OPTIONS check=N).
add_test(NAME real.check
    COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/real/test_real.py --binaries ${PROJECT_BINARY_DIR}
        CheckedPythonTest CheckedPerlTest CheckedSqliteTest CheckedGitTest CheckedCompilerTest CheckedNodeTest
        CheckedRedisTest CheckedNginxTest)
set_tests_properties(real.check PROPERTIES LABELS real TIMEOUT 240 SKIP_RETURN_CODE 77)
