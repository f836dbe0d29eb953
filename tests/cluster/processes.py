"""The processes of a cluster on loopback: NATS servers, nodes, and the wires between them."""

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request

# How long a process may take to start, or a cluster to agree, before that is a failure.
START_SECONDS = 60
# How long a node may take to read a log that it has nothing of.
CATCH_UP_SECONDS = 600


class Failure(Exception):
    """Something that must not be."""


def eventually(what, condition, seconds=START_SECONDS):
    """Waits for a condition; its value once it is true."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= until:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def free_ports(count):
    """Ports that nobody has now. They are below those that systems give to outgoing connections, so that nobody else
    gets them while their server is down."""
    ports, port = [], 20_000 + os.getpid() % 8_000
    while len(ports) < count:
        port += 1
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
    return ports


class Process:
    """A program that can be started again and again."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.log = f"{folder}.log"
        self.child = None
        self.stopped = False

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.log, "ab") as log:
            # SIGXFSZ stays ignored, as Python has it: a write beyond the limit fails, as on a full disk.
            self.child = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, restore_signals=False
            )

    def is_running(self):
        return self.child is not None and self.child.poll() is None

    def send(self, number):
        if self.is_running():
            self.child.send_signal(number)

    def kill(self):
        """As a failing machine: nothing is finished."""
        self.send(signal.SIGKILL)
        if self.child:
            self.child.wait()
        self.stopped = False

    def end(self):
        """In good order."""
        self.send(signal.SIGTERM)
        try:
            self.child.wait(START_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{self.name} does not end at SIGTERM") from error

    def freeze(self):
        self.send(signal.SIGSTOP)
        self.stopped = True

    def go_on(self):
        self.send(signal.SIGCONT)
        self.stopped = False

    def log_tail(self, lines=25):
        if self.child is None:
            return "it was not started\n"
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])


class Nats(Process):
    """A NATS server."""

    def __init__(self, name, folder, ports, routes):
        super().__init__(name, folder)
        self.port, self.route, self.monitor = ports
        os.makedirs(folder)
        self.config = f"{folder}.conf"
        urls = ", ".join(f'"nats://127.0.0.1:{route}"' for route in routes if route != self.route)
        with open(self.config, "w", encoding="utf-8") as config:
            config.write(
                f"""
server_name: {name}
listen: "127.0.0.1:{self.port}"
http: "127.0.0.1:{self.monitor}"
jetstream {{ store_dir: "{folder}", sync_interval: always }}
# Without no_advertise, nodes would learn of ways around the wires of this test.
cluster {{ name: parlor, listen: "127.0.0.1:{self.route}", routes: [{urls}], no_advertise: true }}
"""
            )

    def command(self):
        return [os.environ["NATS_SERVER"], "-c", self.config]

    def ask(self, path):
        """What its monitoring says; none if it says nothing."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor}/{path}", timeout=2) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return None

    def leader_of_stream(self):
        """The name of the server that leads the log's group, as this one knows it."""
        for account in (self.ask("jsz?streams=true") or {}).get("account_details", []):
            for stream in account.get("stream_detail", []):
                if stream["name"].startswith("parlor_"):
                    return stream.get("cluster", {}).get("leader")
        return None


class Node(Process):
    """A node of Parlor."""

    def __init__(self, name, folder, port, servers, key, settings=""):
        super().__init__(name, folder)
        self.port = port
        self.config = f"{folder}.toml"
        urls = ", ".join(f'"nats://127.0.0.1:{server}"' for server in servers)
        with open(self.config, "w", encoding="utf-8") as config:
            config.write(
                f"""
[server]
bind = "127.0.0.1"
port = {port}
data = "{folder}"
password_iterations = 4096
[cluster]
name = "test"
node = "{name}"
servers = [{urls}]
key_file = "{key}"
advertise = "127.0.0.1:{port}"
[limits]
connections_per_address = 0
connects_per_minute = 0
commands_per_second = 0
sessions_per_account = 0
work_millis = 0
stored_bytes_per_hour = 0
history_page = 1000
{settings}
"""
            )

    def command(self):
        return [os.environ["PARLOR_SERVER"], "--config", self.config]

    def cluster(self, *words):
        """Calls `chatserver cluster`."""
        command = [os.environ["PARLOR_SERVER"], "cluster", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS)
        if done.returncode != 0:
            raise Failure(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def wait_until_serving(self):
        """A node that was emptied reads the whole log first, which takes as long as it takes: its store must grow."""
        begin = time.time()

        def serves():
            if self.answers():
                return True
            if time.time() - max(begin, self.stored_at()) > START_SECONDS:
                raise Failure(f"{self.name} does not serve, and has stored nothing for {START_SECONDS} s")
            return False

        eventually(f"{self.name} serves", serves, CATCH_UP_SECONDS)

    def stored_at(self):
        """When something in its folder was last written."""
        latest = 0
        for folder, _, files in os.walk(self.folder):
            for file in files:
                with contextlib.suppress(FileNotFoundError):
                    latest = max(latest, os.stat(os.path.join(folder, file)).st_mtime)
        return latest

    def answers(self):
        """What it says to a client, if it listens."""
        if not self.is_running():
            raise Failure(f"{self.name} has ended with {self.child.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as one:
                one.sendall(b"PING x\r\n")
                return one.recv(100)
        except OSError:
            return None

    def fill_disk(self, limit):
        """From now on no file can be written beyond so many bytes: a write there fails, as on a full disk."""
        resource.prlimit(self.child.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def delete_store(self):
        shutil.rmtree(self.folder)


class Wire:
    """Carries one node's connections to one NATS server, unless it is cut or frozen."""

    def __init__(self, port, to):
        self.port, self.to = port, to
        self.is_cut = False
        self.flows = asyncio.Event()
        self.flows.set()
        self.writers = set()

    async def serve(self):
        await asyncio.start_server(self.carry, "127.0.0.1", self.port)

    async def carry(self, reader, writer):
        if self.is_cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self.writers |= both
        await asyncio.gather(self.pump(reader, far_writer), self.pump(far_reader, writer))
        self.writers -= both

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                await self.flows.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.transport.abort()


class Wires:
    """All wires, in a thread of their own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.wires = {}

    def add(self, node, port, to):
        def make():
            wire = Wire(port, to)
            self.wires.setdefault(node, []).append(wire)
            return wire.serve()

        async def start():
            await make()

        asyncio.run_coroutine_threadsafe(start(), self.loop).result()

    def cut(self, node):
        """The node's connections to NATS end, and no new ones come about."""

        def cut():
            for wire in self.wires[node]:
                wire.is_cut = True
                for writer in wire.writers:
                    writer.transport.abort()

        self.loop.call_soon_threadsafe(cut)

    def freeze(self, node):
        """Nothing passes any more, and nobody is told."""

        def freeze():
            for wire in self.wires[node]:
                wire.flows.clear()

        self.loop.call_soon_threadsafe(freeze)

    def mend(self, node):
        def mend():
            for wire in self.wires[node]:
                wire.is_cut = False
                wire.flows.set()

        self.loop.call_soon_threadsafe(mend)
