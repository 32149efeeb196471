# The shim's modules, linked without interposition: testable, and sanitized in the asan preset.
add_library(seep_shim_core STATIC
    ${PROJECT_SOURCE_DIR}/shim/unwind_check.c
    ${PROJECT_SOURCE_DIR}/shim/birth.c
    ${PROJECT_SOURCE_DIR}/shim/cache_memory.c ${PROJECT_SOURCE_DIR}/shim/own_maps.c
    ${PROJECT_SOURCE_DIR}/shim/arch_compare.c
    ${PROJECT_SOURCE_DIR}/shim/node_tree.c
    ${PROJECT_SOURCE_DIR}/shim/rule_cache.c
    ${PROJECT_SOURCE_DIR}/shim/stack_last.c
    ${PROJECT_SOURCE_DIR}/shim/stack_read.c
    ${PROJECT_SOURCE_DIR}/shim/stackmemo.c ${PROJECT_SOURCE_DIR}/shim/memo_area.c ${PROJECT_SOURCE_DIR}/shim/memo_learn.c
    ${PROJECT_SOURCE_DIR}/shim/word_compare.c
    ${PROJECT_SOURCE_DIR}/shim/peak.c
    ${PROJECT_SOURCE_DIR}/shim/sample.c
    ${PROJECT_SOURCE_DIR}/shim/cfi.c ${PROJECT_SOURCE_DIR}/shim/cfi_entry.c ${PROJECT_SOURCE_DIR}/shim/cfi_full.c
    ${PROJECT_SOURCE_DIR}/shim/dwarf_expression.c ${PROJECT_SOURCE_DIR}/shim/unwind_slow.c ${PROJECT_SOURCE_DIR}/shim/live.c ${PROJECT_SOURCE_DIR}/shim/mapping_table.c
    ${PROJECT_SOURCE_DIR}/shim/module_map.c
    ${PROJECT_SOURCE_DIR}/shim/record.c ${PROJECT_SOURCE_DIR}/shim/segment_map.c ${PROJECT_SOURCE_DIR}/shim/site.c
    ${PROJECT_SOURCE_DIR}/shim/text.c ${PROJECT_SOURCE_DIR}/shim/unwind_rules.c
    ${PROJECT_SOURCE_DIR}/shim/unwind_walk.c ${PROJECT_SOURCE_DIR}/tests/unit/shim_bench_self.c)
target_include_directories(seep_shim_core PUBLIC ${PROJECT_SOURCE_DIR}/shim ${PROJECT_SOURCE_DIR}/tests/unit)
target_link_libraries(seep_shim_core PUBLIC seep_own_process Threads::Threads)

pkg_check_modules(LIBUNWIND REQUIRED IMPORTED_TARGET libunwind)
seep_unit_test(segment_layout seep_shim_core)
seep_unit_test(site seep_shim_core)
seep_unit_test(unwind_walk seep_shim_core PkgConfig::LIBUNWIND)
seep_unit_test(dwarf_expression seep_shim_core)
seep_unit_test(unwind_slow seep_shim_core PkgConfig::LIBUNWIND)
target_sources(test_unwind_slow PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit/subjects/odd_frames.S)
seep_unit_test(holding seep_shim_core)
target_sources(test_holding PRIVATE ${PROJECT_SOURCE_DIR}/shim/holding.c)
seep_unit_test(mapping_table seep_shim_core)
seep_unit_test(lifetime seep_shim_core)
target_sources(test_lifetime PRIVATE ${PROJECT_SOURCE_DIR}/shim/lifetime.c)
seep_unit_test(mark_count seep_shim_core)
target_sources(test_mark_count PRIVATE ${PROJECT_SOURCE_DIR}/shim/mark_count.c)
seep_unit_test(record seep_shim_core)
seep_unit_test(sampling seep_shim_core m)
seep_unit_test(shim_text seep_shim_core)
# What tests of remembered stacks call: the same calls with and without frame pointers, and the truth.
foreach(way omitting keeping)
    add_library(call_tree_${way} OBJECT ${PROJECT_SOURCE_DIR}/tests/unit/subjects/call_tree.c)
    target_compile_definitions(call_tree_${way} PRIVATE CALL_TREE=call_tree_${way})
endforeach()
target_link_libraries(call_tree_omitting PRIVATE seep_options) # sanitized, it would keep them
target_link_libraries(call_tree_keeping PRIVATE seep_own_process)
target_compile_options(call_tree_omitting PRIVATE -O2 -fomit-frame-pointer)
target_compile_options(call_tree_keeping PRIVATE -O2 -fno-omit-frame-pointer)
foreach(name birth node_tree rule_cache stackmemo stack_last word_compare)
    seep_unit_test(${name} seep_shim_core call_tree_omitting call_tree_keeping PkgConfig::LIBUNWIND)
    target_sources(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit/subjects/truth.c)
    set_tests_properties(unit.${name} PROPERTIES LABELS "unit;threads")
endforeach()
set_tests_properties(unit.segment_layout unit.site unit.unwind_walk unit.unwind_slow unit.holding unit.mapping_table unit.record
    unit.sampling unit.shim_text unit.lifetime PROPERTIES LABELS "unit;threads") # runs under ThreadSanitizer too
