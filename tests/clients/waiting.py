"""What the drivers in Python share: waiting for a condition, and saying what was seen."""

import os
import time
import traceback

WAIT = float(os.environ.get("WAIT", "20"))
# Seconds in which what happens meanwhile is taken up, before the condition is looked at again.
STEP = 0.02


class Failed(Exception):
    """A condition that did not come true in time."""


def eventually(what, condition, meanwhile=lambda: time.sleep(STEP), seconds=WAIT):
    """What the condition gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(what)
        meanwhile()


def passed(client, what):
    print(f"PASS {client}: {what}", flush=True)


def failed(client, error):
    """Says what went wrong, with where it did if it was not a condition."""
    print(f"FAIL {client}: {error if isinstance(error, Failed) else traceback.format_exc()}")
