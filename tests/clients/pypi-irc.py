"""The library `irc` from PyPI, of which many bots are made: its events are what a bot would see."""

import os
import re
import sys

import irc.client

from waiting import STEP, WAIT, eventually, failed, passed

CLIENT = "pypi-irc"
ROOM = f"#{CLIENT}"
PASSWORD = "secret-pypi"
FOLDER = os.environ["FOLDER"]
TOGETHER = os.environ["TOGETHER"]
# What a bot that knows them would take, if offered; the library itself asks for `sasl` alone.
TAKES = {
    "account-notify",
    "account-tag",
    "away-notify",
    "batch",
    "chghost",
    "echo-message",
    "extended-join",
    "invite-notify",
    "message-tags",
    "multi-prefix",
    "server-time",
    "setname",
    "standard-replies",
    "userhost-in-names",
}


class Connection(irc.client.ServerConnection):
    """Keeps what went over the wire."""

    def __init__(self, reactor):
        super().__init__(reactor)
        self.wire = []

    def send_raw(self, string):
        self.wire.append(f"> {string}")
        super().send_raw(string)

    def _process_line(self, line):
        self.wire.append(f"< {line}")
        super()._process_line(line)


class Session:
    """One connection, from its beginning to its end."""

    newest = None

    def __init__(self, name, **how):
        Session.newest = self
        self.name = name
        self.events = []
        self.reactor = irc.client.Reactor()
        self.reactor.connection_class = Connection
        self.reactor.add_global_handler("all_events", lambda _, event: self.events.append(event))
        self.server = self.reactor.server()
        self.server.connect(
            "127.0.0.1", int(os.environ["PORT"]), CLIENT, username=CLIENT, ircname="A bot", **how
        )

    def eventually(self, what, condition, seconds=WAIT):
        """What the condition gives as soon as it gives something."""
        return eventually(what, condition, lambda: self.reactor.process_once(STEP), seconds)

    def check(self, what, condition):
        found = self.eventually(what, condition)
        passed(CLIENT, what)
        return found

    def saw(self, kind, nick=None, target=None, text=None):
        """The events of that kind, from that nick, to that target, with that as an argument."""
        return [
            event
            for event in self.events
            if event.type == kind
            and nick in (None, getattr(event.source, "nick", None))
            and target in (None, event.target)
            and (text is None or text in event.arguments)
        ]

    def quit(self):
        self.server.quit("see you")
        self.eventually("is closed after its quit", lambda: not self.server.is_connected())
        self.save()

    def save(self):
        with open(f"{FOLDER}/wire.{self.name}", "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in self.server.wire))


def observer(line):
    with open(os.environ["OBSERVER_IN"], "w", encoding="utf-8") as pipe:
        pipe.write(line + "\r\n")


def observed(regex):
    with open(os.environ["OBSERVER_OUT"], encoding="utf-8") as file:
        return any(re.search(regex, line) for line in file.read().split("\n"))


def tags(event):
    return {tag["key"]: tag["value"] for tag in event.tags}


def alone():
    session = Session("1", password=PASSWORD)
    session.check(
        "a new name and a server password register the name",
        lambda: session.saw("welcome", target=CLIENT),
    )
    session.check("the lobby opens by itself", lambda: session.saw("join", CLIENT, "#lobby"))
    talk(session)
    session.quit()
    session.check("is gone after its quit", lambda: observed(rf"^:{CLIENT}!\S+ QUIT "))

    session = Session("2", password=PASSWORD, sasl_login=CLIENT)
    session.check("logs in by SASL PLAIN", lambda: session.saw("saslsuccess"))
    session.check("is back in its room", lambda: session.saw("join", CLIENT, ROOM))
    session.check(
        "asked for no room itself",
        lambda: not [line for line in session.server.wire if line.startswith("> JOIN")],
    )
    take_capabilities(session)
    session.server.privmsg(ROOM, "here again")
    session.check("speaks again", lambda: observed(rf"^:{CLIENT}!\S+ PRIVMSG {ROOM} :here again$"))
    observer(f"PRIVMSG {ROOM} :welcome back")
    [answer] = session.check(
        "sees an answer there", lambda: session.saw("pubmsg", "watcher", ROOM, "welcome back")
    )
    session.check(
        "knows when the answer was written, and by whose account",
        lambda: "time" in tags(answer) and tags(answer)["account"] == "watcher",
    )
    session.check(
        "gets the echo of its own line once",
        lambda: len(session.saw("pubmsg", CLIENT, ROOM, "here again")) == 1,
    )
    history(session)
    session.quit()


def talk(session):
    server = session.server
    server.join(ROOM)
    session.check("joins a room", lambda: session.saw("join", CLIENT, ROOM))
    observer(f"JOIN {ROOM}")
    session.check("sees somebody join", lambda: session.saw("join", "watcher", ROOM))
    server.privmsg(ROOM, "Grüße; from ${x} %s")
    session.check(
        "says a line",
        lambda: observed(rf"^:{CLIENT}!\S+ PRIVMSG {ROOM} :Grüße; from \$\{{x\}} %s$"),
    )
    observer(f"PRIVMSG {ROOM} :Grüße back")
    session.check(
        "sees an answer", lambda: len(session.saw("pubmsg", "watcher", ROOM, "Grüße back")) == 1
    )
    server.action(ROOM, "waves")
    session.check(
        "does an action", lambda: observed(rf"^:{CLIENT}!\S+ PRIVMSG {ROOM} :.ACTION waves.$")
    )

    server.privmsg("watcher", "between us")
    session.check(
        "writes to one person", lambda: observed(rf"^:{CLIENT}!\S+ PRIVMSG watcher :between us$")
    )
    observer(f"PRIVMSG {CLIENT} :only for you")
    session.check(
        "reads what one person wrote",
        lambda: len(session.saw("privmsg", "watcher", CLIENT, "only for you")) == 1,
    )

    server.topic(ROOM, "all about it")
    session.check("sets a topic", lambda: observed(rf"^:{CLIENT}!\S+ TOPIC {ROOM} :all about it$"))
    session.check("knows the topic", lambda: session.saw("topic", CLIENT, ROOM, "all about it"))
    server.whois(["watcher"])
    session.check(
        "looks somebody up",
        lambda: session.saw("endofwhois") and session.saw("whoisuser", text="watcher"),
    )
    server.send_raw("AWAY :out for tea")
    session.check("goes away", lambda: session.saw("nowaway"))
    observer(f"WHOIS {CLIENT}")
    session.check("is away for others", lambda: observed(rf" 301 watcher {CLIENT} :out for tea$"))
    server.send_raw("AWAY")
    session.check("comes back", lambda: session.saw("unaway"))

    server.mode(ROOM, f"+v {CLIENT}")
    server.names([ROOM])
    session.check("lists who is there", lambda: session.saw("endofnames", text=ROOM))


def take_capabilities(session):
    """Asks, once it is in, for what is offered, and for one that no server has."""
    before = len(session.saw("cap"))
    session.server.cap("LS", "302")
    session.eventually(
        "is offered capabilities",
        lambda: [
            event for event in session.saw("cap")[before:] if "*" not in event.arguments[1:-1]
        ],
    )
    offered = [
        word.partition("=")[0]
        for event in session.saw("cap")[before:]
        for word in event.arguments[-1].split()
    ]
    taken = [name for name in offered if name in TAKES]
    session.server.cap("REQ", *taken)
    session.check(
        f"takes {len(taken)} capabilities once it is in",
        lambda: [
            event
            for event in session.saw("cap", text="ACK")
            if event.arguments[-1].split() == taken
        ],
    )
    session.server.cap("REQ", "parlor.test/absent")
    session.check("takes no for an answer", lambda: session.saw("cap", text="NAK"))
    session.server.names([ROOM])


def history(session):
    lines = ["Grüße; from ${x} %s", "Grüße back", "here again"]
    before = [len(session.saw("pubmsg", target=ROOM, text=line)) for line in lines]
    session.server.send_raw(f"CH {ROOM} 50")
    session.check("reads history by CH", lambda: session.saw("note", target="CH", text="END"))
    session.check(
        "finds each line once there",
        lambda: (
            [len(session.saw("pubmsg", target=ROOM, text=line)) for line in lines]
            == [count + 1 for count in before]
        ),
    )


def together():
    session = Session("together", password=PASSWORD, sasl_login=CLIENT)
    session.check(
        "logs in beside the others", lambda: session.saw("saslsuccess") and session.saw("welcome")
    )
    take_capabilities(session)
    session.server.join(TOGETHER)
    # The others have their own time first.
    session.eventually(
        "hears that all are here",
        lambda: session.saw("pubmsg", None, TOGETHER, "all are here"),
        3 * WAIT,
    )
    session.server.privmsg(TOGETHER, f"word from {CLIENT}")
    session.eventually(
        "hears that all have spoken",
        lambda: session.saw("pubmsg", None, TOGETHER, "all have spoken"),
        3 * WAIT,
    )
    for who in os.environ["EVERYBODY"].split():
        session.check(
            f"sees the word from {who} once",
            lambda: len(session.saw("pubmsg", who, TOGETHER, f"word from {who}")) == 1,
        )
    session.quit()


try:
    {"alone": alone, "together": together}[sys.argv[1]]()
except Exception as error:
    failed(CLIENT, error)
    print("---- what went over the wire")
    print("\n".join(Session.newest.server.wire[-40:]))
    print("----", flush=True)
    sys.exit(1)
