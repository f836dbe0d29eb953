"""The library `websockets` from PyPI, with its blocking interface, as a small bot would use it."""

import base64
import os
import re
import ssl
import sys

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from waiting import STEP, WAIT, Failed, eventually, failed, passed

CLIENT = "pypi-websockets"
ROOM = f"#{CLIENT}"
PASSWORD = "secret-websockets"
FOLDER = os.environ["FOLDER"]
PORT = os.environ["PORT"]
TOGETHER = os.environ["TOGETHER"]
TEXT, BINARY = "text.ircv3.net", "binary.ircv3.net"
TAKES = ["account-tag", "echo-message", "message-tags", "multi-prefix", "sasl", "server-time"]


def pinned():
    """Believes the server's own certificate and no other, as who has a copy of it would."""
    context = ssl.create_default_context(cafile=os.environ["CERTIFICATE"])
    # It is self-made, so it lacks what authorities write into theirs.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class Session:
    """One WebSocket, which is closed at the end of its block."""

    newest = None

    def __init__(self, scheme, subprotocols=None, **how):
        Session.newest = self
        self.messages, self.wire = [], []
        if scheme == "wss":
            how["ssl"] = pinned()
        self.connecting = connect(
            f"{scheme}://localhost:{PORT}/socket",
            subprotocols=subprotocols,
            open_timeout=WAIT,
            proxy=None,
            **how,
        )

    def __enter__(self):
        self.socket = self.connecting.__enter__()
        return self

    def __exit__(self, *exception):
        return self.connecting.__exit__(*exception)

    def send(self, line):
        self.wire.append(f"> {line}")
        self.socket.send(line)

    def eventually(self, what, condition, seconds=WAIT):
        """What the condition gives as soon as it gives something."""
        return eventually(what, condition, self.receive, seconds)

    def receive(self):
        """Takes a message, if one comes."""
        try:
            message = self.socket.recv(timeout=STEP)
        except TimeoutError:
            return
        self.messages.append(message)
        line = message if isinstance(message, str) else message.decode()
        self.wire.append(f"< {line}")

    def check(self, what, condition):
        found = self.eventually(what, condition)
        passed(CLIENT, what)
        return found

    def saw(self, regex):
        return [line for line in self.wire if re.search(f"^< {regex}", line)]

    def closed(self):
        """The code and reason with which the server closes it."""
        try:
            while True:
                self.socket.recv(timeout=WAIT)
        except ConnectionClosed as closed:
            return closed.rcvd.code, closed.rcvd.reason

    def negotiate(self):
        for line in ["CAP LS 302", f"NICK {CLIENT}", f"USER {CLIENT} 0 * :A bot"]:
            self.send(line)
        self.eventually("is offered SASL", lambda: self.saw(r".* CAP \* LS .*sasl=\S*PLAIN"))
        self.send(f"CAP REQ :{' '.join(TAKES)}")
        self.send("AUTHENTICATE PLAIN")
        self.eventually("is asked for its password", lambda: self.saw(r"AUTHENTICATE \+$"))
        secret = base64.b64encode(f"\0{CLIENT}\0{PASSWORD}".encode()).decode()
        self.send(f"AUTHENTICATE {secret}")
        self.check("logs in by SASL PLAIN", lambda: self.saw(r"\S+ 903 "))
        self.send("CAP END")
        self.eventually("is welcomed", lambda: self.saw(rf"\S+ 001 {CLIENT} "))

    def save(self, name):
        with open(f"{FOLDER}/wire.{name}", "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in self.wire))


def demand(what, right):
    """For what can be told at once."""
    if not right:
        raise Failed(what)
    passed(CLIENT, what)


def observer(line):
    with open(os.environ["OBSERVER_IN"], "w", encoding="utf-8") as pipe:
        pipe.write(line + "\r\n")


def observed(regex):
    with open(os.environ["OBSERVER_OUT"], encoding="utf-8") as file:
        return any(re.search(regex, line) for line in file.read().split("\n"))


def alone():
    plain()
    encrypted()
    subprotocols()
    closings()
    origins()


def plain():
    with Session("ws", [BINARY, TEXT]) as session:
        demand("is given the first that it offers", session.socket.subprotocol == BINARY)
        session.send(f"LOGIN {CLIENT} :{PASSWORD}")
        session.check(
            "registers a name by LOGIN", lambda: session.saw(r"\S+ NOTE LOGIN ACCOUNT_CREATED ")
        )
        session.send("BM :Grüße, ☃")
        session.check("broadcasts", lambda: observed(rf"^:{CLIENT}!\S+ PRIVMSG #lobby :Grüße, ☃$"))
        observer("BM :Grüße back, ☃")
        session.check(
            "sees an answer", lambda: session.saw(r":watcher!\S+ PRIVMSG #lobby :Grüße back, ☃$")
        )
        session.socket.send(["BM :in ", "fr", "agments"])
        session.check(
            "speaks in fragments",
            lambda: observed(rf"^:{CLIENT}!\S+ PRIVMSG #lobby :in fragments$"),
        )
        demand("its ping is answered", session.socket.ping().wait(WAIT))
        demand("each message is binary", all(isinstance(one, bytes) for one in session.messages))
        session.send("EX")
        demand("is closed with 1000 after EX", session.closed()[0] == 1000)


def encrypted():
    with Session("wss", [TEXT]) as session:
        demand(
            "believes the server's own certificate, once it has a copy",
            session.socket.socket.version() == "TLSv1.3",
        )
        session.negotiate()
        session.send(f"JOIN {ROOM}")
        session.check("joins a room", lambda: session.saw(rf".*:{CLIENT}!\S+ JOIN {ROOM}$"))
        observer(f"JOIN {ROOM}")
        session.check("sees somebody join", lambda: session.saw(rf".*:watcher!\S+ JOIN {ROOM}$"))
        session.send(f"PRIVMSG {ROOM} :Grüße; from ${{x}} %s")
        session.check(
            "says a line",
            lambda: observed(rf"^:{CLIENT}!\S+ PRIVMSG {ROOM} :Grüße; from \$\{{x\}} %s$"),
        )
        observer(f"PRIVMSG {ROOM} :Grüße back")
        session.check(
            "sees an answer through TLS",
            lambda: session.saw(rf"@\S+ :watcher!\S+ PRIVMSG {ROOM} :Grüße back$"),
        )
        session.send(f"MODE {ROOM} +v {CLIENT}")
        session.send(f"NAMES {ROOM}")
        session.send("CAP REQ parlor.test/absent")
        session.check("takes no for an answer", lambda: session.saw(r".* CAP \S+ NAK "))
        demand(
            "each message is a line of text without an end",
            all(isinstance(one, str) and not re.search("[\r\n]", one) for one in session.messages),
        )
        session.socket.close()
        demand("closes with 1000", session.socket.close_code == 1000)
        session.save("encrypted")


def subprotocols():
    for offered, given in [(None, None), ([TEXT], TEXT), ([TEXT, BINARY], TEXT)]:
        with Session("ws", offered) as session:
            demand(f"offers {offered}, is given {given}", session.socket.subprotocol == given)


def closings():
    with Session("ws", [TEXT]) as session:
        session.socket.send("x" * 5000)
        code, reason = session.closed()
        demand("a message that is too long closes with 1009", code == 1009 and reason)
    with Session("wss", [TEXT]) as session:
        session.socket.send(b"caf\xe9", text=True)
        code, reason = session.closed()
        demand("a message that is not UTF-8 closes with 1007", code == 1007 and reason)


def origins():
    with Session("ws", [TEXT], origin=os.environ["ORIGIN"]):
        passed(CLIENT, "a page of the configured origin may connect")
    status = None
    try:
        with Session("ws", [TEXT], origin="https://elsewhere.example"):
            pass
    except InvalidStatus as refused:
        status = refused.response.status_code
    demand("a page of another origin may not", status == 403)


def together():
    with Session("wss") as session:
        session.negotiate()
        session.send(f"JOIN {TOGETHER}")
        # The others have their own time first.
        session.eventually(
            "hears that all are here", lambda: session.saw(r".* :all are here$"), 3 * WAIT
        )
        session.send(f"PRIVMSG {TOGETHER} :word from {CLIENT}")
        session.eventually(
            "hears that all have spoken", lambda: session.saw(r".* :all have spoken$"), 3 * WAIT
        )
        for who in os.environ["EVERYBODY"].split():
            word = rf"(@\S+ )?:{who}!\S+ PRIVMSG {TOGETHER} :word from {who}$"
            session.check(
                f"sees the word from {who} once", lambda word=word: len(session.saw(word)) == 1
            )


try:
    {"alone": alone, "together": together}[sys.argv[1]]()
except Exception as error:
    failed(CLIENT, error)
    print("---- what went over the wire")
    if Session.newest:
        print("\n".join(Session.newest.wire[-40:]))
    print("----", flush=True)
    sys.exit(1)
