"""Checks what went over the wire against what was negotiated, whatever client it was.

    wire.py CLIENT FILE...

Each file is one connection: `> ` stands before what the client sent, `< ` before what it got.
"""

import sys

# Asked for by every driver, and had by no server.
ABSENT = "parlor.test/absent"
# The tag that a capability puts on what is delivered.
TAGS = {"time": "server-time", "account": "account-tag", "msgid": "message-tags", "batch": "batch"}


class Line:
    """One line that a client got."""

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
        self.command, *self.params = words.split() + ([last] if colon else [])


class Connection:
    """One connection, and what is wrong with it."""

    def __init__(self, client, path, voiced):
        self.client = client
        # Rooms in which the client has a voice beside its operator's mark, in all its connections.
        self.voiced = voiced
        self.path = path
        self.wrong = {}
        self.asked, self.granted, self.refused = set(), set(), set()
        # Granted as of the present line.
        self.has = set()
        # Batches that are one message each; what is said of it stands at its beginning.
        self.multiline = set()
        self.began = self.ended = self.welcomed = False
        self.messages = self.names = 0
        with open(path, encoding="utf-8") as file:
            for text in file.read().split("\n"):
                if text.startswith("> "):
                    self.sent(text[2:])
                elif text.startswith("< "):
                    self.got(Line(text[2:]))
        self.expect(
            "negotiation", self.asked == self.granted | self.refused, f"no answer: {self.asked}"
        )
        self.expect("negotiation", not self.began or self.ended, "CAP END is missing")
        self.expect("negotiation", self.welcomed, "was never welcomed")

    def expect(self, what, right, why):
        if not right:
            self.wrong.setdefault(what, []).append(f"{self.path}: {why}")

    def sent(self, text):
        words = text.replace(":", " ", 1).split() if text.startswith("CAP ") else text.split()
        if words[:1] != ["CAP"]:
            return
        self.began = self.began or not self.welcomed
        if words[1] == "REQ":
            self.asked.update(words[2:])
        self.ended = self.ended or words[1] == "END"

    def got(self, line):
        handler = getattr(self, f"got_{line.command.lower()}", None)
        if handler:
            handler(line)
        for tag, capability in TAGS.items():
            if tag in line.tags:
                self.expect(
                    "tags", capability in self.has, f"{tag} without {capability}: {line.text}"
                )
        if line.tags and not self.has & {"message-tags", *TAGS.values(), "labeled-response"}:
            self.expect("tags", False, f"tags without any capability: {line.text}")

    def got_cap(self, line):
        words = line.params[-1].split()
        if line.params[1] == "ACK":
            self.granted.update(words)
            self.has.update(words)
        elif line.params[1] == "NAK":
            self.refused.update(words)
            self.expect("negotiation", words == [ABSENT], f"refused although offered: {words}")

    def got_001(self, line):
        self.welcomed = True
        self.expect("negotiation", self.ended or not self.began, "welcomed before CAP END")

    def got_batch(self, line):
        if line.params[0].startswith("+") and line.params[1] == "draft/multiline":
            self.multiline.add(line.params[0][1:])
            self.got_message(line)

    def got_privmsg(self, line):
        if line.tags.get("batch") not in self.multiline:
            self.got_message(line)

    def got_message(self, line):
        self.messages += 1
        for tag in ("time", "account", "msgid"):
            if TAGS[tag] in self.has:
                self.expect("tags", line.tags.get(tag), f"no {tag}: {line.text}")

    def got_join(self, line):
        count = 3 if "extended-join" in self.has else 1
        self.expect("lists", len(line.params) == count, f"not {count} parameters: {line.text}")

    def got_mode(self, line):
        if line.params[1:] == ["+v", self.client]:
            self.voiced.add(line.params[0])

    def got_353(self, line):
        for name in line.params[-1].split():
            nick = name.lstrip("@+").partition("!")[0]
            self.expect(
                "lists",
                ("!" in name) == ("userhost-in-names" in self.has),
                f"userhost-in-names? {name}: {line.text}",
            )
            if nick == self.client and line.params[2] in self.voiced:
                self.names += 1
                marks = "@+" if "multi-prefix" in self.has else "@"
                self.expect(
                    "lists", name.startswith(marks + nick), f"{name}, not {marks}: {line.text}"
                )

    def got_421(self, line):
        self.expect("understood", False, line.text)

    got_461 = got_421

    def got_fail(self, line):
        self.expect("understood", False, line.text)


def main(client, *paths):
    voiced = set()
    connections = [Connection(client, path, voiced) for path in paths]
    granted = sorted(set().union(*(connection.granted for connection in connections)))
    messages = sum(connection.messages for connection in connections)
    absent = any(ABSENT in connection.refused for connection in connections)
    checks = {
        "negotiation": (
            absent,
            f"negotiates, and is granted what it asks for: {' '.join(granted)}",
        ),
        "tags": (messages, f"{messages} messages have the tags that were negotiated, and no other"),
        "lists": (
            any(connection.names for connection in connections),
            "names and joins are written as negotiated",
        ),
        "understood": (True, "every command that it sends is understood"),
    }
    for key, (seen, what) in checks.items():
        wrong = [why for connection in connections for why in connection.wrong.get(key, [])]
        if not seen:
            wrong.append("nothing of the kind went over the wire")
        print(f"{'FAIL' if wrong else 'PASS'} {client}: {what}")
        for why in wrong:
            print(f"    {why}")


main(*sys.argv[1:])
