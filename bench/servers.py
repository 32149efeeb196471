"""The servers: started under a tool, loaded from outside of it, and ended the way an operator ends them.

What counts is the requests per second that the client sees on a machine that server, client and collector share. That
machine's speed changes from second to second, so the servers of all tools stand ready at the same time and are loaded in
short slices by turns; a ratio is one of two slices that lie side by side. And two servers of the same make differ by some
hundredths for as long as they run, so they are started several times.

SPDX-License-Identifier: MIT
"""
import contextlib
import json
import re
import shutil
import socket
import subprocess

ANSWER_WAIT_S = 60
LOAD_WAIT_S = 120
NGINX = """daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _said(command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=LOAD_WAIT_S, check=True).stdout


def _tell(port, text):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(text)
        while connection.recv(4096):
            pass


class Server:
    """command(folder, port): how it is started; load(port, requests): requests per second, and how many they were;
    end(folder, port). requests: of one slice; stands: how often it is started in a round; turns: slices of load each
    time, after one that only warms up."""

    def __init__(self, name, needs, load_of, command, load, end):
        self.name, self.needs = name, needs
        self.requests, self.stands, self.turns = load_of
        self.command, self.load, self.end = command, load, end

    def missing(self):
        gone = [program for program in self.needs if shutil.which(program) is None]
        return f"{', '.join(gone)} not installed" if gone else None


def _redis_load(pipeline):
    def load(port, requests):
        text = _said(["redis-benchmark", "-p", port, "-P", pipeline, "-c", 50, "-n", requests, "-r", 100000, "-d", 64,
                      "-t", "set", "--csv"])
        return float(re.search(r'^"SET","([0-9.]+)"', text, re.M).group(1)), requests
    return load


def _nginx_command(folder, port):
    (folder / "index.html").write_text("x" * 1024, encoding="ascii")
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port), encoding="ascii")
    return ["/usr/sbin/nginx", "-e", f"{folder}/error.log", "-p", folder, "-c", f"{folder}/nginx.conf"]


def _nginx_load(port, requests):
    del requests  # wrk counts time, by whole seconds
    text = _said(["wrk", "-t", 1, "-c", 32, "-d", "1s", f"http://127.0.0.1:{port}/"])
    if "Non-2xx" in text or "Socket errors" in text:
        raise ValueError("wrk saw errors: " + text[-200:])
    return (float(re.search(r"Requests/sec:\s*([0-9.]+)", text).group(1)),
            int(re.search(r"(\d+) requests in", text).group(1)))


def _end_nginx(folder, _):
    subprocess.run(["kill", "-TERM", (folder / "nginx.pid").read_text().strip()], check=False)


def all_servers(micro):
    """micro: the folder of the bench's own programs."""
    def memcached_load(port, requests):
        text = _said([micro / "bench-memcached", port, 50, requests, 100])
        return json.loads(text)["requests_per_s"], requests

    def redis(folder, port):
        return ["/usr/bin/redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder]

    def end_redis(_, port):
        _tell(port, b"SHUTDOWN NOSAVE\r\n")

    return [
        Server("redis-server -P 1", ("redis-server", "redis-benchmark"), (15000, 4, 3), redis, _redis_load(1), end_redis),
        Server("redis-server -P 16", ("redis-server", "redis-benchmark"), (150000, 6, 3), redis, _redis_load(16), end_redis),
        Server("memcached", ("memcached",), (25000, 4, 3),
               lambda folder, port: ["/usr/bin/memcached", "-l", "127.0.0.1", "-p", port, "-U", 0, "-t", 1, "-u", "nobody",
                                     "-A"], memcached_load, lambda folder, port: _tell(port, b"shutdown\r\n")),
        Server("nginx", ("nginx", "wrk"), (60000, 4, 2), _nginx_command, _nginx_load, _end_nginx),
    ]
