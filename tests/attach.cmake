# One process seen from outside (analyzer/attach): stops, stacks, /proc.
add_library(seep_probe_child STATIC ${PROJECT_SOURCE_DIR}/tests/unit/probe_child.c)
target_include_directories(seep_probe_child PUBLIC ${PROJECT_SOURCE_DIR}/tests/unit)
target_link_libraries(seep_probe_child PUBLIC seep_attach PkgConfig::CMOCKA)
foreach(part probe probe_unseen probe_changes)
    seep_unit_test(${part} seep_attach seep_probe_child)
    target_link_libraries(test_${part} PRIVATE Threads::Threads)
endforeach()
seep_unit_test(task_list seep_attach)
