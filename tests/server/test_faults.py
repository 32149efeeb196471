"""Faults: what they leak is in /proc, and what the server says about it is true.

SPDX-License-Identifier: MIT
"""
import os

import backend

PIN_STATUS = "/api/v1/auth/pin-status"
FAULTS = "/api/v1/debug/faults"


class Faults(backend.TestCase):
    def occurrences(self, server, fault):
        return server.get("/api/v1/debug/resources")["data"]["leaked"][fault]

    def test_all_are_listed_and_off(self):
        with backend.Backend() as server:
            data = server.get(FAULTS)["data"]
            ids = [fault["id"] for fault in data["faults"]]
            self.assertEqual(ids, sorted(set(ids)))
            self.assertLessEqual({"F00", "F01", "F05", "F11"}, set(ids))
            for fault in data["faults"]:
                self.assertIs(fault["enabled"], False)
                self.assertEqual(fault["occurrences"], 0)
                self.assertTrue(fault["subsystem"] and fault["kind"] and fault["what"])

    def test_without_f01_requests_leave_no_thread(self):
        with backend.Backend() as server:
            server.get(PIN_STATUS)
            before = len(server.threads())
            for _ in range(100):
                server.get(PIN_STATUS)
            self.assertEqual(len(server.threads()), before)

    def test_f01_leaves_one_thread_per_request(self):
        with backend.Backend() as server:
            before = server.threads().count("auth-cleanup")
            status, body, _ = server.ask("PUT", f"{FAULTS}/F01", {"enabled": True})
            self.assertEqual((status, body["data"]["enabled"]), (200, True))
            for _ in range(30):
                server.get(PIN_STATUS)
                server.get("/api/v1/auth/session")
            backend.eventually(lambda: server.threads().count("auth-cleanup") == before + 60,
                               "sixty threads more")
            self.assertEqual(self.occurrences(server, "F01"), 60)
            self.assertEqual(server.get("/api/v1/memory/stats")["goroutines"],
                             len(os.listdir(f"/proc/{server.pid}/task")))
            server.ask("PUT", f"{FAULTS}/f01", {"enabled": False})
            server.get(PIN_STATUS)
            self.assertEqual(self.occurrences(server, "F01"), 60)

    def test_f01_drives_itself_at_a_rate_up_to_its_limit(self):
        with backend.Backend("faults.F01.enabled=true", "faults.F01.rate=100",
                             "faults.F01.limit=15") as server:
            backend.eventually(lambda: self.occurrences(server, "F01") == 15, "the limit")
            server.get(PIN_STATUS)
            self.assertEqual(self.occurrences(server, "F01"), 15)
            self.assertEqual(server.threads().count("auth-cleanup"), 16)

    def test_a_rate_and_a_limit_come_from_the_environment(self):
        with backend.Backend(PMA_FAULTS="F00@200/7,F01@100/3") as server:
            backend.eventually(lambda: (self.occurrences(server, "F00"),
                                        self.occurrences(server, "F01")) == (7, 3), "the limits")
            self.assertEqual(server.threads().count("blocked"), 7)

    def test_faults_that_need_a_client_have_one_of_the_servers_own(self):
        with backend.Backend("entities.history_states=1", "simulated.devices=0") as server:
            for fault in ("F03", "F04", "F05", "F11", "F14", "F15", "F27", "F32", "F31"):
                server.ask("PUT", f"{FAULTS}/{fault}", {"enabled": True, "rate": 50, "limit": 3})
                backend.eventually(lambda: self.occurrences(server, fault) == 3, fault)
                server.ask("PUT", f"{FAULTS}/{fault}", {"enabled": False, "rate": 0})
            server.get("/api/health")

    def test_f00_blocks_one_thread_per_enabling(self):
        with backend.Backend() as server:
            for count in (1, 2):
                server.ask("PUT", f"{FAULTS}/F00", {"enabled": True})
                backend.eventually(lambda: server.threads().count("blocked") == count, "blocked")
                server.ask("PUT", f"{FAULTS}/F00", {"enabled": False})
            self.assertEqual(self.occurrences(server, "F00"), 2)

    def test_wrong_settings_are_refused_and_change_nothing(self):
        with backend.Backend() as server:
            for wrong in ({"enabled": "yes"}, {"rate": -1}, {"rate": 1e9}, {"rate": "2"},
                          {"limit": -1}, {"limit": 1.5}, {"speed": 1}, [], b"{"):
                status, body, _ = server.ask("PUT", f"{FAULTS}/F01", wrong)
                self.assertEqual(status, 400, wrong)
                self.assertIs(body["success"], False)
            status, _, _ = server.ask("PUT", f"{FAULTS}/F77", {"enabled": True})
            self.assertEqual(status, 404)
            for fault in server.get(FAULTS)["data"]["faults"]:
                self.assertEqual((fault["enabled"], fault["rate"], fault["limit"]),
                                 (False, 0, 0))

    def test_fixes_that_are_off_are_listed_and_have_their_faults_on(self):
        with backend.Backend(arguments=("--fixes", "-client-unregister")) as server:
            fixes = {fix["name"]: fix for fix in server.get("/api/v1/debug/fixes")["data"]["fixes"]}
            self.assertEqual([name for name, fix in fixes.items() if not fix["enabled"]],
                             ["client-unregister"])
            faults = fixes["client-unregister"]["faults_when_off"]
            self.assertIn("F05", faults)
            self.assertEqual([fault["id"] for fault in server.get(FAULTS)["data"]["faults"]
                              if fault["enabled"]], sorted(faults))
            self.assertIn("websocket.max_clients", fixes["client-limits"]["settings_when_off"])

    def test_resources_agree_with_the_kernel(self):
        with backend.Backend() as server:
            data = server.get("/api/v1/debug/resources")["data"]
            self.assertEqual(data["threads"], len(server.threads()))
            workers = server.get("/api/v1/memory/monitor")["data"]["workers"]
            self.assertEqual(data["workers"], len(workers))
            self.assertEqual(data["counters"]["workers.threads"], len(workers))
            self.assertEqual(data["children"], 0)
            self.assertEqual(data["figures_lost"], 0)
            # The connection that asked is still open in the first count only.
            self.assertLessEqual(abs(data["fds"] - len(os.listdir(f"/proc/{server.pid}/fd"))), 1)
            self.assertEqual(set(data["leaked"].values()), {0})


if __name__ == "__main__":
    backend.main()
