"""nginx and HAProxy before the server: it knows for whom each connection is, and if encrypted."""

import os
import re
import socket
import ssl
import subprocess
import sys
import time
from http.client import HTTPConnection

from websockets.sync.client import connect

from waiting import WAIT, Failed, eventually, failed, passed

CLIENT = "proxies"
FOLDER = os.environ["FOLDER"]
PORT = os.environ["PORT"]
CERTIFICATE = os.environ["CERTIFICATE"]
SERVER_LOG = os.environ["SERVER_LOG"]
# By this address the server knows its proxies; at another they listen; clients come from others.
PROXY = os.environ["PROXY"]
FRONT, SOMEBODY, UNENCRYPTED, UNFORWARDED = "127.0.0.8", "127.0.0.7", "127.0.0.6", "127.0.0.5"
# A proxy before the proxies, and somebody on another machine behind it.
OUTER, ELSEWHERE = os.environ["OUTER_PROXY"], "203.0.113.9"


def check(what, condition):
    found = eventually(what, condition)
    passed(CLIENT, what)
    return found


def logged(regex):
    with open(SERVER_LOG, encoding="utf-8") as file:
        return re.search(regex, file.read())


def came_from(user, address):
    return rf"Registered and logged in user={user} address={re.escape(address)}\n"


def observed(regex):
    with open(os.environ["OBSERVER_OUT"], encoding="utf-8") as file:
        return re.search(regex, file.read(), re.MULTILINE)


def free_address():
    with socket.create_server((FRONT, 0)) as taken:
        return f"{FRONT}:{taken.getsockname()[1]}"


def accepts(address):
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), source_address=(SOMEBODY, 0)).close()
        return True
    except OSError:
        return False


class Proxy:
    """A proxy that runs until its block ends, with its config's words filled in."""

    def __init__(self, name, config, words, command):
        self.name = name
        self.addresses = [word for word in words.values() if word.startswith(f"{FRONT}:")]
        with open(config, encoding="utf-8") as file:
            text = file.read()
        words = {"PARLOR": f"127.0.0.1:{PORT}", "PROXY": PROXY, "FOLDER": FOLDER} | words
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        path = f"{FOLDER}/{config}"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.command = [*command, path]

    def __enter__(self):
        with open(f"{FOLDER}/{self.name}.log", "w", encoding="utf-8") as log:
            # Its end is waited for below.
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        with open(f"{FOLDER}/pid", "w", encoding="utf-8") as file:
            file.write(str(self.process.pid))
        for address in self.addresses:
            eventually(f"{self.name} listens on {address}", lambda one=address: accepts(one))
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.wait()
        os.remove(f"{FOLDER}/pid")


def pinned():
    context = ssl.create_default_context(cafile=CERTIFICATE)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = False
    return context


def websocket(scheme, address, source, **headers):
    return connect(
        f"{scheme}://{address}/",
        subprotocols=["text.ircv3.net"],
        source_address=(source, 0),
        additional_headers={name.replace("_", "-"): value for name, value in headers.items()},
        ssl=pinned() if scheme == "wss" else None,
        open_timeout=WAIT,
        proxy=None,
    )


def says(session, line, regex):
    """Sends the line, and waits for an answer."""
    session.send(line)
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        if re.search(regex, session.recv(timeout=WAIT)):
            return
    raise Failed(f"{line}: no {regex}")


def nginx():
    words = {word: free_address() for word in ("HTTP", "HTTPS", "LINES")}
    http, https, lines = words.values()
    modules = "/usr/lib/nginx/modules"
    key = CERTIFICATE.replace("certificate", "key")
    words |= {"CERTIFICATE": CERTIFICATE, "KEY": key, "MODULES": modules}
    with Proxy("nginx", "nginx.conf", words, ["nginx", "-p", FOLDER, "-c"]):
        by_websocket(http, https)
        metrics(http)
        host, port = lines.split(":")
        with socket.create_connection((host, int(port)), WAIT, (UNFORWARDED, 0)) as plain:
            plain.sendall(b"LOGIN ann :secret-ann\r\nPING :by lines\r\nEX\r\n")
            heard = b"".join(iter(lambda: plain.recv(4096), b"")).decode()
        check(
            "takes no password in the clear by lines and nginx",
            lambda: "FAIL LOGIN ENCRYPTION_REQUIRED" in heard and "ERROR :" in heard,
        )
        check(
            "the log has the real address by the PROXY protocol",
            lambda: logged(rf"Connection left address={UNFORWARDED} "),
        )


def by_websocket(http, https):
    with websocket("wss", https, SOMEBODY) as session:
        says(session, "LOGIN ann :secret-ann", "NOTE LOGIN ACCOUNT_CREATED")
        says(session, "BM :by wss and nginx", "NOTE BM SENT")
        check("speaks by wss and nginx", lambda: observed(":by wss and nginx$"))
        check("the log has the real address", lambda: logged(came_from("ann", SOMEBODY)))
    with websocket("ws", http, UNENCRYPTED) as session:
        says(session, "LOGIN ann :secret-ann", "FAIL LOGIN ENCRYPTION_REQUIRED")
        check("takes no password that came to nginx in the clear", lambda: True)
    check(
        "the log has the real address of who did not log in",
        lambda: logged(rf"Connection left address={UNENCRYPTED} "),
    )
    headers = {"X_Forwarded_For": f"198.51.100.1, {ELSEWHERE}"}
    with websocket("wss", https, OUTER, **headers) as session:
        says(session, "LOGIN ben :secret-ben", "NOTE LOGIN ACCOUNT_CREATED")
        check(
            "finds the first address that no proxy has",
            lambda: logged(came_from("ben", ELSEWHERE)),
        )


def metrics(http):
    """nginx is on this machine, but they for whom it asks need not be."""
    host, port = http.split(":")

    def status(source, **headers):
        request = HTTPConnection(host, int(port), WAIT, (source, 0))
        request.request("GET", "/metrics", headers=headers)
        answer = request.getresponse().status
        request.close()
        return answer

    says = {"X-Forwarded-For": ELSEWHERE}
    check("shows its figures to this machine by nginx", lambda: status(SOMEBODY) == 200)
    check("not to others by nginx", lambda: status(OUTER, **says) == 403)
    check("and believes no address from somebody", lambda: status(SOMEBODY, **says) == 200)


def haproxy():
    both = f"{FOLDER}/both.pem"
    with open(both, "w", encoding="utf-8") as file:
        for path in (CERTIFICATE, CERTIFICATE.replace("certificate", "key")):
            with open(path, encoding="utf-8") as part:
                file.write(part.read())
    address = free_address()
    words = {"TLS": address, "BOTH": both}
    with Proxy("haproxy", "haproxy.cfg", words, ["haproxy", "-db", "-f"]):
        host, port = address.split(":")
        plain = socket.create_connection((host, int(port)), WAIT, (SOMEBODY, 0))
        with pinned().wrap_socket(plain) as tls:
            tls.sendall(b"LOGIN cat :secret-cat\r\nBM :by TLS and HAProxy\r\n")
            check("speaks by TLS and HAProxy", lambda: observed(":by TLS and HAProxy$"))
            check(
                "the log has the real address by version 2 of it",
                lambda: logged(came_from("cat", SOMEBODY)),
            )
        with websocket("wss", address, SOMEBODY) as session:
            says(session, "LOGIN cat :secret-cat", "NOTE LOGIN LOGGED_IN")
            check("opens a WebSocket behind HAProxy", lambda: True)


try:
    nginx()
    haproxy()
except Exception as error:
    failed(CLIENT, error)
    for name in ("nginx", "haproxy"):
        if os.path.exists(f"{FOLDER}/{name}.log"):
            print(f"---- what {name} said")
            with open(f"{FOLDER}/{name}.log", encoding="utf-8") as file:
                print(file.read())
    print("----", flush=True)
    sys.exit(1)
