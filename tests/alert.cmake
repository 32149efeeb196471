# Alerts and pushed profiles.
foreach(module alert_state alert_outbox alert_note alert_target)
    seep_unit_test(${module} seep_alert)
endforeach()
target_link_libraries(test_alert_note PRIVATE jansson)
