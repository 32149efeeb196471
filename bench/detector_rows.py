"""The cases of the detector's matrix: what is run, and what a report has to say of it.

The function and the subsystem of a fault are those of the server's code at the place where the resource is acquired
(server/fault/fault.h has the list, docs/backend.md what each one does); `why` says where that is. They come from the
code, not from what a report happened to say; where a report disagreed, the row was changed only for a reason in the
code (F00, F03, F28: a tail call leaves no frame; F17: the pool opens the connection; F24: a zombie is of no kind).

SPDX-License-Identifier: MIT
"""
import contextlib
import dataclasses
import typing

import backend
import fault_rows
import websocket_client

# A household's limits, so small that what is kept by design is full within seconds, as after days of a real soak;
# and clean-ups so frequent that what is kept for a time comes and goes within a run.
HOUSE = ("websocket.client_timeout=6s", "websocket.cleanup_interval=1s", "auth.cleanup_interval=1s",
         "simulated.devices=4", "simulated.change_interval=50ms", "logging.level=error",
         "memory_monitor.check_interval=1s", "memory_monitor.max_history_size=20",
         "mcp.max_executions=5", "mcp.cleanup_interval=2s", "ai.max_messages=20", "ai.max_conversations=20",
         "ai.cleanup_interval=2s", "cache.max_entries=20", "entities.history_states=1")
# Each of the 32 devices of the household is switched once within warm-up (3.2 actions per second), and so has had
# its last attribute: an entity that is touched for the first time late in a run is growth that has an end as well.
HOUSE_LOAD = ("--profile", "home", "--clients", "5", "--rate", "2", "--churn", "0.2", "--rest", "20", "--changes", "5")

# With Redis, each entity that is removed leaves a tombstone, up to entities.max_entities of them (entity_share.c): a
# ring that fills for longer than a run. This load makes and removes none.
QUIET_LOAD = ("--profile", "mixed", "--clients", "5", "--rate", "2", "--churn", "0.2", "--rest", "5")


@dataclasses.dataclass
class Case:
    """One run. kind, subsystem, function: what has to be found; None: nothing may be. also: functions of what else
    the fault leaks, so that a report may name it as well."""
    name: str
    why: str
    kind: typing.Optional[str] = None
    subsystem: str = ""
    function: str = ""
    also: tuple = ()
    faults: dict = dataclasses.field(default_factory=dict)  # {id: occurrences per second, 0: what clients do}
    settings: tuple = ()
    surroundings: typing.Any = None  # a context manager that gives further settings
    client: typing.Any = None        # client(server), again and again
    every_s: float = 1.0
    load: typing.Optional[tuple] = HOUSE_LOAD  # of pma-load; None: no load
    control: str = ""                # the name in bench/controls.py that is run instead
    heals: bool = False              # it may be suspected, and must not be certain
    end: typing.Any = None           # end(server) instead of SIGTERM


def fault(name, kind, subsystem, function, why, rate=1.0, **more):
    """A permanent fault that drives itself, or `client` does."""
    faults = {name: 0 if "client" in more or "end" in more else rate, **more.pop("others", {})}
    return Case(name, why, kind, subsystem, function, faults=faults, **more)


def healing(name, why, **more):
    """A fault that leaks nothing for ever."""
    faults = {name.split()[0]: more.pop("rate", 0)}
    return Case(name, why, faults=faults, heals=True, **more)


def redis():
    """A redis-server of its own for each case, since cases run beside each other."""
    return type("OneRedis", (fault_rows.Redis,), {}).running()


def refused(server):
    """The one client that is taken, then others that are not."""
    if not hasattr(server, "kept"):
        server.kept = websocket_client.Client(server.port)
    with contextlib.suppress(AssertionError, OSError):
        fault_rows.refused_client(server)


def blocked_list(server):
    """A list of entities while the registry is locked up (F12, once)."""
    server.ask("GET", fault_rows.API + "/entities")


def end_in_a_request(server):
    """SIGTERM while a request that broadcasts is half sent."""
    fault_rows.end_with_a_request_under_way(server, True)


FAULTS = (
    fault("F00", "thread", "worker", "pma_fault_block",
          "fault_block.c starts it; its caller calls that last of all, and leaves no frame"),
    fault("F01", "thread", "auth", "pma_auth_for_request", "the clean-up worker of a service per request, auth.c"),
    fault("F02", "thread", "websocket", "pma_fault_swallows_message", "a broadcast that waits, hub_fault.c"),
    fault("F03", "fd", "websocket", "on_closed",
          "the socket of a client that nobody knows: hub_socket.c; pma_fault_keeps_socket leaves no frame, as F00",
          also=("pma_fault_stops_registration",)),
    fault("F04", "thread", "websocket", "pma_fault_stops_removal", "the reader of a client that left, hub_fault.c"),
    fault("F05", "heap", "websocket", "subscriber_new", "a subscriber record without its client, hub_core.c"),
    fault("F06", "heap", "websocket", "subscriber_new", "as F05, by clients that do not read",
          client=fault_rows.slow_readers, every_s=3, load=None,
          surroundings=fault_rows.ROWS["F06"].surroundings),
    fault("F08", "thread", "websocket", "pma_fault_stops_reader", "the reader of a client that does not read",
          client=fault_rows.deaf_client, every_s=2, load=None,
          surroundings=fault_rows.ROWS["F08"].surroundings, also=("on_closed",)),
    fault("F10", "heap", "websocket", "pma_away_keep", "an entry per message and absent client, hub_away.c",
          rate=5, settings=("websocket.max_queue_messages=10",), also=("pma_message_new",)),
    fault("F11", "heap", "websocket", "topic_new", "a topic's node, hub_topics.c"),
    fault("F12", "thread", "entity", "leave_waiter", "who waits for the registry, entity_fault.c; rooms that cannot be "
          "removed pile up", also=("submit_locked",)),
    fault("F13", "thread", "entity", "pma_entity_fault_list", "the helper of a list that timed out, entity_fault.c",
          client=blocked_list, others={"F12": 0}, also=("leave_waiter", "submit_locked"),
          settings=("entities.list_timeout=1ms", "faults.F12.limit=1")),
    fault("F15", "heap", "entity", "past_state_new", "a state in an entity's history, state_history.c", rate=5),
    fault("F16", "heap", "store", "pma_local_cache_put", "a cached document, local_cache.c", rate=5),
    fault("F17", "fd", "store", "pma_redis_link_open",
          "a connection to Redis that the pool opens in place of the one that cache.c did not give back",
          surroundings=redis, settings=("redis.pool_size=256",), load=QUIET_LOAD,
          also=("call", "check_idle")),  # whoever uses a connection first makes its buffers
    fault("F19", "thread", "ai", "pma_check_storm_add", "a check per question, check_storm.c",
          surroundings=fault_rows.mute_provider, settings=("ai.health_timeout=10s", "ai.health_interval=100ms")),
    fault("F21", "heap", "ai", "pma_installs_add", "the record of a failed installation, model_installs.c", rate=5),
    fault("F22", "heap", "store", "pma_conversations_commit_unbounded",
          "messages are entries of the database, which is in memory here: store.c, pages of SQLite, which whoever "
          "writes next takes", rate=20, also=("write_text",)),
    fault("F23", "heap", "ai", "pma_mcp_executions_add", "a record of the log of executions, mcp_executions.c", rate=2,
          settings=("mcp.max_executions=1",), also=("write_text",)),
    fault("F24", "thread", "ai", "pma_mcp_child_forget",
          "two threads and two pipes of a child that nobody waits for, mcp_child.c; a zombie is no resource kind",
          also=("pma_mcp_child_spawn",)),
    fault("F25", "heap", "ai", "pma_mcp_contexts_begin", "the second context of an execution, mcp_contexts.c", rate=2,
          settings=("mcp.context_max_age=0",)),
    fault("F26", "heap", "monitor", "pma_stray_alert_raise", "an alert per value, stray_alerts.c", rate=2),
    fault("F27", "thread", "monitor", "pma_lost_stop_monitor", "the two loops of a stopped monitor, lost_stop.c; "
          "libc hands them the stacks of threads that pma_monitor_start made", also=("leave", "pma_monitor_start")),
    fault("F28", "thread", "worker", "leave", "the worker before a setting changed, lost_stop.c; a tail call, as F00"),
    fault("F29", "timer", "http", "pma_turn_timer_make", "a timer per turn, for ever: no keep-alive ends it",
          settings=("events.keepalive_interval=0s",)),
    fault("F30", "fd", "entity", "pma_devices_connect", "the socket before a reconnection, simulated_source.c",
          settings=("simulated.retry=10ms",), also=("start_reader",)),
    fault("F31", "thread", "monitor", "pma_manager_enter", "who waits for the memory manager"),
    fault("F32", "thread", "http", "pma_http_blocks",
          "a request that broadcasts, http_block.c; its connection and its reply stay with it",
          also=("accept_some", "pma_http_adopt", "request_begun", "connection_changed", "new_buffer",
                "pma_http_response_make", "libmicrohttpd.so.12")),
    fault("F33", "heap", "http", "keep_raw_path", "a row of the access log per URL, access_log.c", rate=2),
)

# What backend.md says of them is "slow release", "burst" or "wrong, and leaks nothing": no probable finding is due,
# and a definite one would be false.
HEALING = (
    healing("F07", "clients are cut and come again", client=fault_rows.active_client, load=None,
            surroundings=fault_rows.ROWS["F07"].surroundings),
    healing("F09", "the writer of a refused client goes at its first ping", client=refused, load=None,
            settings=("websocket.max_clients=1", "websocket.ping_interval=10s")),
    healing("F10B", "the clean-up throws messages away", client=fault_rows.absent_messages,
            surroundings=fault_rows.ROWS["F10B"].surroundings),
    healing("F14", "two helpers per action, which end", rate=1, settings=("entities.refresh_delay=5s",)),
    healing("F18", "the keys are in Redis, not in the process", rate=5, surroundings=redis,
            load=QUIET_LOAD),
    healing("F20", "requests wait for the manager and get their answer",
            client=fault_rows.providers_and_chats, surroundings=fault_rows.mute_provider),
    healing("F25 swept", "contexts that the sweep reaps", rate=2,
            settings=("mcp.context_max_age=10s", "mcp.cleanup_interval=2s")),
    healing("F29 10 s", "timers that fire after 10 s", rate=1, settings=("events.keepalive_interval=10s",)),
)

AT_EXIT = (
    Case("F34", "threads that are there when the watch ends the process", "thread", "http", faults={"F34": 0},
         settings=("server.shutdown_timeout=800ms", "logging.level=debug"), load=None, end=end_in_a_request),
)

LOADS = tuple(Case(f"load {profile}", f"pma-load --profile {profile}, no fault",
                   load=("--profile", profile, *more))
              for profile, more in (("idle", ("--clients", "100")), ("home", ()), ("mixed", ()),
                                    ("chat", ()), ("storm", ("--churn", "10", "--clients", "40"))))


def control_cases(names):
    """The negative controls of bench/controls.py."""
    return tuple(Case(name, "bench/controls.py", control=name) for name in names)

# One of each kind and of most subsystems; none that needs another program, and no load beside them.
SHORT_FAULTS = ("F01", "F03", "F05", "F11", "F15", "F16", "F29", "F30")
# Short windows may be certain of threads alone, so only these could be flagged.
SHORT_CONTROLS = ("refused-clients", "action-helpers")


def short_cases(cases):
    """Of all cases those of --short."""
    return tuple(dataclasses.replace(case, load=None) for case in cases
                 if case.name in SHORT_FAULTS or case.control in SHORT_CONTROLS)
