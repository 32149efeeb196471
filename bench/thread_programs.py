"""What bench/thread_matrix.py runs: programs with planted thread leaks, and healthy ones with their clients.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import contextlib
import dataclasses
import http.client
import shutil
import socket
import subprocess
import sys
import time

import servers

STUCK_CAUSES = ("stuck", "unreachable", "lock_cycle")


@dataclasses.dataclass(frozen=True)
class Planted:
    """A program of tests/collect, and what has to be said of it."""
    way: str
    program: str
    causes: tuple  # any of them, by a finding on threads that is at least `verdict`
    words: tuple   # all of them are in its summary
    verdict: str = "definite"


def planted():
    """All of them."""
    here = "stuck-threads"
    rows = [
        Planted("cycle", here, ("lock_cycle",), ("take_first_then_second", "mutex")),
        Planted("relock", here, ("lock_cycle",), ("relock", "itself")),
        Planted("orphan", here, ("stuck",), ("wait_for_first", "ended without releasing it")),
        Planted("join-cycle", here, ("lock_cycle",), ("to join",)),
        Planted("held", here, ("stuck",), ("rwlock", "read of pipe"), "probable"),
        Planted("forgotten-queue", here, ("unreachable",), ("serve_queue", "condition variable")),
        Planted("forgotten-semaphore", here, ("unreachable",), ("serve_semaphore", "semaphore")),
        Planted("forgotten-each-other", here, ("unreachable",), ("serve_queue",)),
    ]
    here = "leaking-threads"
    rows += [Planted(way, here, ("growth",), words) for way, words in (
        ("grow-mutex", ("wait_for_mutex", "mutex 0x")),
        ("grow-condition", ("wait in wait_for_condition", "condition variable 0x")),
        ("grow-semaphore", ("wait in wait_for_semaphore", "semaphore 0x")),
        ("grow-pipe", ("wait in read_dead_pipe", "read of pipe:[")),
        ("grow-join", ("wait in join_stuck", "to join")))]
    rows += [
        Planted("grow-forgotten", here, ("unreachable", "growth"), ("wait_for_own_semaphore", "semaphore")),
        Planted("grow-futex", here, ("unreachable", "growth"), ("wait_for_raw_futex", "futex")),
        Planted("barrier", here, ("unreachable",), ("wait_at_barrier", "barrier")),
        # The C library parks who wants such a lock of a thread that has ended, for ever and on nothing.
        Planted("dead-inheriting", here, ("unreachable", "stuck"), ("wait_for_lock",)),
    ]
    rows += [Planted("dead-" + kind, here, ("stuck",), ("wait_for_lock", "mutex", "ended without releasing it"))
             for kind in ("normal", "recursive", "errorcheck", "adaptive")]
    here = "stuck-promises"
    rows += [Planted("lost-promise", here, ("unreachable",), ("futex",)),
             Planted("lost-task", here, ("unreachable",), ("futex",)),
             Planted("lost-channel", here, ("unreachable",), ("serve", "condition variable"))]
    return rows


# Ways of the same programs that are healthy, or that nobody can tell from it.
HEALTHY_WAYS = (("stuck-threads", ("pool", "semaphore-pool", "idle")),
                ("leaking-threads", ("steady-condition", "steady-semaphore", "steady-pipe", "dead-robust",
                                     "shared", "reader", "convoy", "bursts")),
                ("stuck-promises", ("kept-promise", "kept-channel", "static-object")))

NODE = """
const {Worker} = require('worker_threads'), http = require('http');
const workers = Array.from({length: 3}, () => new Worker(
  "const {parentPort} = require('worker_threads'); parentPort.on('message', n => parentPort.postMessage(n * n))",
  {eval: true}));
const waiting = workers.map(() => []);
workers.forEach((worker, i) => worker.on('message', n => waiting[i].shift().end(String(n))));
let turn = 0;
http.createServer((request, response) => {
  const i = turn++ % workers.length;
  waiting[i].push(response);
  workers[i].postMessage(Number(request.url.slice(1)));
}).listen(Number(process.argv[2]), '127.0.0.1');
"""
# One process of each kind of pool that Python has, behind a small server.
PYTHON = """
import asyncio, concurrent.futures, multiprocessing, queue, sys, threading, time
def square(n): return n * n
async def main():
    loop = asyncio.get_running_loop()
    threads = concurrent.futures.ThreadPoolExecutor(6)
    processes = concurrent.futures.ProcessPoolExecutor(2)
    pool = multiprocessing.Pool(2)
    jobs = queue.Queue()
    threading.Thread(target=lambda: [jobs.get() for _ in iter(int, 1)], daemon=True).start()
    barrier = threading.Barrier(2)
    event = threading.Event()
    threading.Thread(target=event.wait, daemon=True).start()
    async def serve(reader, writer):
        n = int((await reader.readline()).split()[1][1:])
        jobs.put(n)
        first = await loop.run_in_executor(threads, square, n)
        second = await loop.run_in_executor(processes, square, n)
        third = pool.apply(square, (n,))
        body = str(first if first == second == third else -1)
        writer.write(f"HTTP/1.0 200 OK\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n{body}".encode())
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    async with server:
        await server.serve_forever()
asyncio.run(main())
"""
JAVA = """
import java.io.*; import java.net.*; import java.util.concurrent.*;
public class Idle {
  public static void main(String[] a) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(8);
    ServerSocket door = new ServerSocket(Integer.parseInt(a[0]), 50, InetAddress.getByName("127.0.0.1"));
    for (;;) { Socket s = door.accept(); pool.submit(() -> { try (s) {
      String line = new BufferedReader(new InputStreamReader(s.getInputStream())).readLine();
      long n = Long.parseLong(line.split(" ")[1].substring(1)); String body = String.valueOf(n * n);
      s.getOutputStream().write(("HTTP/1.0 200 OK\\r\\nContent-Length: " + body.length() + "\\r\\n\\r\\n" + body).getBytes());
      return null; } }); }
  }
}
"""


def ask_square(port, n):
    """A request of the little servers above. Returns: whether the answer is right."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", f"/{n}")
    body = connection.getresponse().read()
    connection.close()
    return body == str(n * n).encode()


def ask_page(port, _):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/")
    answer = connection.getresponse()
    right = answer.status == 200 and answer.read() == b"seen\n"
    connection.close()
    return right


def ask_line(send, expected):
    def ask(port, _):
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            connection.sendall(send)
            return connection.makefile("rb").readline().startswith(expected)
    return ask


# Programs that end: what they print and their status may not change. "{}" is a folder of their own.
FINISHERS = (
    ("git", "git init -q {} && cd {} && for i in 1 2 3; do echo $i > f$i && git add . && "
            "GIT_AUTHOR_DATE=1700000000+0000 GIT_COMMITTER_DATE=1700000000+0000 git -c user.name=a -c user.email=b "
            "commit -qm $i && sleep 1; done; git log --format=%H && git gc -q && git fsck && git grep -n 1"),
    ("gcc", "printf 'int main(void){return 7;}' > {}/a.c && gcc -O2 -pipe {}/a.c -o {}/a && {}/a; echo $?"),
    ("sqlite3", "(echo 'create table t(a,b);'; for i in $(seq 200); do echo \"insert into t values($i, $i * $i);\"; done; "
                "sleep 6; echo 'select sum(a), sum(b) from t;') | sqlite3 {}/a.db"),
)


@dataclasses.dataclass
class Server:
    """A healthy server: its command and what a client asks."""
    name: str
    command: list
    port: int
    ask: object


def nginx(folder):
    port = servers.free_port()
    root = folder / "nginx"
    root.mkdir()
    (root / "index.html").write_text("seen\n", encoding="ascii")
    (root / "nginx.conf").write_text(
        f"user root; daemon off; worker_processes 2; pid {root}/pid; error_log {root}/error.log;\n"
        f"thread_pool default threads=4;\nevents {{ }}\nhttp {{ access_log off; aio threads; client_body_temp_path {root}; "
        f"proxy_temp_path {root}; fastcgi_temp_path {root}; uwsgi_temp_path {root}; scgi_temp_path {root};\n"
        f"server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n", encoding="ascii")
    return Server("nginx, 2 workers", ["nginx", "-p", str(root), "-c", "nginx.conf"], port, ask_page)


def healthy_servers(folder):
    """Those that are installed."""
    found = []
    if shutil.which("nginx"):
        found.append(nginx(folder))
    if shutil.which("redis-server"):
        port = servers.free_port()
        found.append(Server("redis-server", ["redis-server", "--port", str(port), "--save", "", "--dir", str(folder),
                                             "--io-threads", "3"], port, ask_line(b"PING\r\n", b"+PONG")))
    if shutil.which("memcached"):
        port = servers.free_port()
        found.append(Server("memcached", ["memcached", "-u", "root", "-l", "127.0.0.1", "-p", str(port)], port,
                            ask_line(b"set a 0 0 1\r\nx\r\n", b"STORED")))
    for name, program, text, suffix in (("node, worker_threads", "node", NODE, "js"),
                                        ("python3, all its pools", sys.executable, PYTHON, "py")):
        if shutil.which(program):
            port = servers.free_port()
            script = folder / f"server.{suffix}"
            script.write_text(text, encoding="ascii")
            found.append(Server(name, [program, str(script), str(port)], port, ask_square))
    if shutil.which("java") and shutil.which("javac"):
        port = servers.free_port()
        (folder / "Idle.java").write_text(JAVA, encoding="ascii")
        subprocess.run(["javac", "-d", folder, folder / "Idle.java"], check=True)
        found.append(Server("Java VM, thread pool", ["java", "-cp", str(folder), "Idle", str(port)], port, ask_square))
    return found


def drive(server, seconds, failures, asked):
    """Idle, light load, a burst of clients, idle again."""
    def one(n):
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            if server.ask(server.port, n):
                asked.append(n)
                return
        failures.append(n)

    time.sleep(seconds * 0.3)
    end = time.monotonic() + seconds * 0.2
    n = 0
    while time.monotonic() < end:
        one(n := n + 1)
        time.sleep(0.1)
    with concurrent.futures.ThreadPoolExecutor(20) as clients:
        list(clients.map(one, range(100, 180)))
    time.sleep(max(0.0, end + seconds * 0.5 - time.monotonic()))
