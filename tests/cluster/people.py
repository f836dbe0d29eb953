"""Those who write, those who read, and what each of them has seen."""

import json
import os
import random
import socket
import subprocess
import threading
import time

from processes import Failure

ROOM = "#lobby"
# How long somebody waits for a confirmation before trying another node.
PATIENCE_SECONDS = 20


class Gone(Exception):
    """The connection is no use any more."""


class Line:
    """A line from the server."""

    def __init__(self, text):
        self.text = text
        self.tags = {}
        if text.startswith("@"):
            tags, text = text[1:].split(" ", 1)
            self.tags = dict(tag.partition("=")[::2] for tag in tags.split(";"))
        self.source = ""
        if text.startswith(":"):
            self.source, text = text[1:].split(" ", 1)
        words, colon, last = f" {text}".partition(" :")
        self.verb, *self.params = words.split() + ([last] if colon else [])

    def message(self):
        """What a message of the room is for everybody: the same on every node."""
        return (self.tags["msgid"], self.tags["time"], self.source, self.params[1])


class Connection:
    """A login at one node."""

    def __init__(self, port, name, capabilities):
        self.buffer = b""
        try:
            self.socket = socket.create_connection(("127.0.0.1", port), 2)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.send(f"CAP REQ :message-tags server-time batch labeled-response {capabilities}")
            self.send("CAP END")
            self.send(f"LOGIN {name} :secret of {name}")
            until = time.monotonic() + PATIENCE_SECONDS
            while True:
                line = self.line(until)
                if line is None:
                    raise Gone("no answer to LOGIN")
                if line.verb == "FAIL":
                    raise Gone(line.text)
                if line.verb == "NOTE" and line.params[1] in ("LOGGED_IN", "ACCOUNT_CREATED"):
                    return
        except OSError as error:
            raise Gone(str(error)) from error

    def send(self, line):
        try:
            self.socket.sendall(f"{line}\r\n".encode())
        except OSError as error:
            raise Gone(str(error)) from error

    def line(self, until):
        """The next line; none if there is none in time. Pings are answered."""
        while True:
            while b"\n" in self.buffer:
                text, self.buffer = self.buffer.split(b"\n", 1)
                line = Line(text.decode().rstrip("\r"))
                if line.verb == "ERROR":
                    raise Gone(line.text)
                if line.verb != "PING":
                    return line
                self.send(f"PONG :{line.params[0]}")
            left = until - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                return None
            except OSError as error:
                raise Gone(str(error)) from error
            if not data:
                raise Gone("the connection was closed")
            self.buffer += data

    def close(self):
        self.socket.close()


class Person(threading.Thread):
    """Somebody who comes back whenever the connection breaks."""

    def __init__(self, name, nodes, seed):
        super().__init__(name=name, daemon=True)
        self.nodes = nodes
        self.random = random.Random(f"{seed} {name}")
        self.is_over = threading.Event()
        # What ended it that must not be.
        self.failure = None
        self.breaks = []

    def run(self):
        try:
            while not self.is_done():
                node = self.choose()
                try:
                    self.visit(node)
                except Gone as why:
                    self.breaks.append((time.monotonic(), node.name, str(why)))
                    time.sleep(0.1)
        except Exception as error:  # Whatever it is, the test must not go on as if it were nothing.
            self.failure = error

    def is_done(self):
        return self.is_over.is_set()


class Writer(Person):
    """Sends numbered messages, the next when one is confirmed, and each until it is."""

    def __init__(self, name, nodes, seed, pause, at):
        super().__init__(name, nodes, seed)
        self.pause = pause
        self.number = 1
        self.node = nodes[at % len(nodes)]
        # The msgid of each confirmed message, and when it was sent first and confirmed, by its text.
        self.confirmed = {}
        self.sent = None

    def is_done(self):
        # What was begun is finished.
        return self.is_over.is_set() and self.sent is None

    def choose(self):
        if self.breaks and self.breaks[-1][1] == self.node.name:
            self.node = self.random.choice([node for node in self.nodes if node is not self.node])
        return self.node

    def visit(self, node):
        connection = Connection(node.port, self.name, "echo-message")
        try:
            while not self.is_done():
                self.say(connection, node)
                # Whoever has nothing to send still reads.
                self.wait(connection)
        finally:
            connection.close()

    def wait(self, connection):
        until = time.monotonic() + self.pause * self.random.uniform(0.5, 1.5)
        while connection.line(until) is not None:
            pass

    def say(self, connection, node):
        text = f"{self.name} {self.number}"
        self.sent = self.sent or time.monotonic()
        tags = f"@label={self.number};+parlor/resend={self.name}.{self.number}"
        connection.send(f"{tags} PRIVMSG {ROOM} :{text}")
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            line = connection.line(until)
            if line is None:
                raise Gone(f"{text} is not confirmed")
            if line.tags.get("label") != str(self.number):
                continue
            if line.verb == "PRIVMSG":
                break
            if line.verb not in ("FAIL", "263"):
                raise Failure(f"{text} at {node.name} is answered {line.text}")
            time.sleep(0.2)
            return
        self.confirmed[text] = (line.tags["msgid"], self.sent, time.monotonic(), node.name)
        self.number, self.sent = self.number + 1, None


class Reader(Person):
    """Stays at one node and notes what comes."""

    def __init__(self, name, node, seed):
        super().__init__(name, [node], seed)
        # What came without a break, each message as all must see it.
        self.runs = []
        # When the first of a run came, and the last.
        self.latest = None

    def choose(self):
        return self.nodes[0]

    def visit(self, node):
        connection = Connection(node.port, self.name, "")
        try:
            self.runs.append([])
            while not self.is_done():
                line = connection.line(time.monotonic() + 0.5)
                if line and line.verb == "PRIVMSG" and line.params[0] == ROOM:
                    self.runs[-1].append(line.message())
                    self.latest = time.monotonic()
        finally:
            connection.close()


class Follower(threading.Thread):
    """`chatclient tail --follow`, which goes from node to node by itself, and must tell each message once."""

    def __init__(self, node, folder):
        super().__init__(name="chatclient tail", daemon=True)
        self.node, self.folder = node, folder
        # The msgids of the room's messages, as it has told them.
        self.told = []
        self.latest = None
        self.child = None

    def start(self):
        os.makedirs(self.folder)
        password = f"{self.folder}/password"
        with open(os.open(password, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write("secret of follower\n")
        command = [os.environ["PARLOR_CLIENT"], "tail", "--follow", "--json", "--register", "--allow-weak-scram", "-u", "follower"]
        command += ["-hn", "127.0.0.1", "-p", str(self.node.port)]
        homes = {name: self.folder for name in ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        environment = {**os.environ, **homes, "PARLOR_PASSWORD_FILE": password}
        with open(f"{self.folder}/log", "wb") as log:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment, text=True
            )
        super().start()

    def run(self):
        for line in self.child.stdout:
            told = json.loads(line)
            if told["target"] == ROOM and told["kind"] == "message":
                self.told.append(told["msgid"])
                self.latest = time.monotonic()

    @property
    def failure(self):
        if self.child.poll() is None:
            return None
        with open(f"{self.folder}/log", encoding="utf-8") as log:
            return Failure(f"it ended with {self.child.returncode}: {log.read()[-500:]}")

    def end(self):
        if self.child:
            self.child.kill()
            self.child.wait()


class History:
    """The room's history as one node has it, fetched as far as it goes."""

    def __init__(self, node):
        self.node = node
        self.messages = []

    def fetch(self):
        connection = Connection(self.node.port, f"historian-{self.node.name}", "draft/chathistory")
        try:
            while self.page(connection):
                pass
        finally:
            connection.close()

    def page(self, connection):
        after = f"msgid={self.messages[-1][0]}" if self.messages else "timestamp=1970-01-01T00:00:00.000Z"
        connection.send(f"@label=h CHATHISTORY AFTER {ROOM} {after} 1000")
        until = time.monotonic() + PATIENCE_SECONDS
        batch, count = None, 0
        while True:
            line = connection.line(until)
            if line is None:
                raise Gone("no history")
            if line.tags.get("label") == "h":
                if line.verb != "BATCH":
                    raise Failure(f"{self.node.name} answers CHATHISTORY AFTER {after} with {line.text}")
                batch = line.params[0][1:]
            elif batch and line.tags.get("batch") == batch and line.verb == "PRIVMSG":
                self.messages.append(line.message())
                count += 1
            elif batch and line.verb == "BATCH" and line.params[0] == f"-{batch}":
                return count > 0
