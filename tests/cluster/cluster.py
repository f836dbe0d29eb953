"""Three nodes and three NATS servers, people who write and read, and faults at random; see `run`.

What must hold, whatever fails: all nodes have the same history; each confirmed message is in it once, under the msgid
that was confirmed; and what a reader saw without a break is a piece of it without a gap, so nothing was seen that is
not there.
"""

import argparse
import bisect
import collections
import contextlib
import random
import shutil
import signal
import sys
import tempfile
import time

from people import Follower, Gone, History, Reader, Writer
from processes import Failure, Nats, Node, Wires, eventually, free_ports

NAMES = "abc"
# How long the nodes may take, after the last fault, until all of them have the same.
AGREE_SECONDS = 60


class Cluster:
    """All processes."""

    def __init__(self, folder):
        self.folder = folder
        ports = free_ports(9 + 3 + 9)
        routes = ports[1:9:3]
        self.nats = [
            Nats(f"nats-{name}", f"{folder}/nats-{name}", ports[at * 3 : at * 3 + 3], routes)
            for at, name in enumerate(NAMES)
        ]
        self.wires = Wires()
        self.nodes = []
        for at, name in enumerate(NAMES):
            wires = ports[12 + at * 3 : 15 + at * 3]
            for wire, nats in zip(wires, self.nats):
                self.wires.add(f"node-{name}", wire, nats.port)
            self.nodes.append(Node(f"node-{name}", f"{folder}/node-{name}", ports[9 + at], wires, f"{folder}/key"))

    def start(self):
        for nats in self.nats:
            nats.start()
        eventually("the NATS servers agree", lambda: self.meta_leader())
        first = self.nodes[0]
        first.cluster("key", f"{self.folder}/key")
        first.cluster("create", "--config", first.config)
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_until_serving()

    def meta_leader(self):
        told = [(nats.ask("jsz") or {}).get("meta_cluster", {}) for nats in self.nats]
        whole = all(meta.get("leader") and meta.get("cluster_size") == len(self.nats) for meta in told)
        return whole and told[0]["leader"]

    def leader(self):
        """The NATS server that leads the log's group."""
        for nats in self.nats:
            name = nats.leader_of_stream() if nats.is_running() and not nats.stopped else None
            for other in self.nats:
                if other.name == name:
                    return other
        return self.nats[0]

    def processes(self):
        return self.nats + self.nodes

    def end(self):
        for process in self.processes():
            process.kill()

    def log_tails(self):
        return "\n".join(f"---- {process.name}\n{process.log_tail()}" for process in self.processes())


class Faults:
    """What can go wrong. Each fault ends with everything running and whole again."""

    def __init__(self, cluster, chance, hang):
        self.cluster, self.chance, self.hang = cluster, chance, hang
        self.node = None

    def all(self):
        """The faults by name."""
        names = [name for name in dir(self) if name.startswith("fault_")]
        return {name.removeprefix("fault_").replace("_", " "): getattr(self, name) for name in names}

    def pause(self, most=2.0):
        time.sleep(self.chance.uniform(0, most))

    def any_node(self):
        self.node = self.chance.choice(self.cluster.nodes)
        return self.node

    def fault_node_killed(self):
        node = self.any_node()
        node.kill()
        self.pause(5)
        node.start()
        node.wait_until_serving()

    def fault_node_ended(self):
        node = self.any_node()
        node.end()
        self.pause()
        node.start()
        node.wait_until_serving()

    def fault_node_hung(self):
        node = self.any_node()
        node.freeze()
        time.sleep(self.hang)
        node.go_on()
        node.wait_until_serving()

    def fault_node_with_full_disk(self):
        node = self.any_node()
        node.fill_disk(self.chance.choice([0, 4096, 65536]))
        # A node that cannot store something stops; whoever looks after it starts it again.
        eventually(f"{node.name} stops when its disk is full", lambda: not node.is_running())
        self.pause()
        node.start()
        node.wait_until_serving()

    def fault_node_without_its_store(self):
        node = self.any_node()
        node.kill()
        node.delete_store()
        self.pause()
        node.start()
        node.wait_until_serving()

    def fault_all_nodes_killed(self):
        for node in self.cluster.nodes:
            node.kill()
        self.pause()
        for node in self.cluster.nodes:
            node.start()
        for node in self.cluster.nodes:
            node.wait_until_serving()

    def fault_node_cut_off(self):
        node = self.any_node()
        self.cluster.wires.cut(node.name)
        time.sleep(self.hang)
        self.cluster.wires.mend(node.name)
        node.wait_until_serving()

    def fault_node_cut_off_silently(self):
        node = self.any_node()
        self.cluster.wires.freeze(node.name)
        time.sleep(self.hang)
        self.cluster.wires.mend(node.name)
        node.wait_until_serving()

    def follower(self):
        leader = self.cluster.leader()
        return self.chance.choice([nats for nats in self.cluster.nats if nats is not leader])

    def nats_killed(self, *servers):
        for nats in servers:
            nats.kill()
        self.pause()
        for nats in servers:
            nats.start()

    def fault_nats_follower_killed(self):
        self.nats_killed(self.follower())

    def fault_nats_leader_killed(self):
        self.nats_killed(self.cluster.leader())

    def fault_nats_leader_ended(self):
        leader = self.cluster.leader()
        leader.end()
        self.pause()
        leader.start()

    def fault_all_nats_killed(self):
        self.nats_killed(*self.cluster.nats)

    def fault_nats_leader_hung(self):
        leader = self.cluster.leader()
        leader.freeze()
        time.sleep(self.hang)
        leader.go_on()


class Test:
    """One run."""

    def __init__(self, arguments, cluster):
        self.arguments, self.cluster = arguments, cluster
        seed = arguments.seed
        self.chance = random.Random(seed)
        self.faults = Faults(cluster, self.chance, arguments.hang)
        self.writers = [
            Writer(f"writer-{at}", cluster.nodes, seed, arguments.pause, at) for at in range(arguments.writers)
        ]
        self.readers = [Reader(f"reader-{node.name}", node, seed) for node in cluster.nodes]
        self.follower = Follower(cluster.nodes[0], f"{cluster.folder}/follower")
        self.histories = [History(node) for node in cluster.nodes]
        # The longest time without a confirmation for anybody, and for those at the node concerned, by fault.
        self.pauses = collections.defaultdict(list)

    def people(self):
        return [*self.writers, *self.readers, self.follower]

    def end(self):
        self.follower.end()

    def run(self):
        for person in self.people():
            person.start()
        self.until_heard()
        for name in self.plan():
            self.fault(name)
        for writer in self.writers:
            writer.is_over.set()
        for writer in self.writers:
            writer.join(AGREE_SECONDS)
            if writer.is_alive():
                raise Failure(f"{writer.name} does not come to an end: {writer.breaks[-3:]}")
        self.check_people()
        self.agree()
        newest = self.histories[0].messages[-1][0]
        eventually("chatclient has told the newest message", lambda: newest in self.follower.told[-1:], AGREE_SECONDS)
        self.check_people()
        for reader in self.readers:
            reader.is_over.set()
            reader.join()
        self.check()

    def plan(self):
        """The names of the faults to come: each once in random order, again and again, within the time."""
        faults = [name for name in self.faults.all() if not self.arguments.only or name in self.arguments.only]
        until = time.monotonic() + self.arguments.minutes * 60
        count = 0
        while True:
            self.chance.shuffle(faults)
            for name in faults:
                if count == self.arguments.faults or time.monotonic() > until:
                    return
                count += 1
                yield name

    def fault(self, name):
        begin = time.monotonic()
        self.faults.node = None
        self.faults.all()[name]()
        # All of it is over when everybody has been confirmed something once more, and all nodes have told of it.
        mended = time.monotonic()
        self.until_heard()
        self.check_people()
        pause, at_node = self.pause_of(begin)
        self.pauses[name].append((pause, at_node))
        where = f" at {self.faults.node.name}" if self.faults.node else ""
        print(
            f"{name}{where}: nobody was confirmed anything for {pause:.1f} s"
            + (f", who was there {at_node:.1f} s" if at_node is not None else "")
            + f"; whole again {time.monotonic() - mended:.1f} s after its end",
            flush=True,
        )
        self.compare()

    def until_heard(self):
        """Waits until each writer has been confirmed something from now on, and each reader has seen something new."""
        since = time.monotonic()

        def last(writer):
            return next(reversed(writer.confirmed.values()), (None, 0, 0, None))[1]

        def all_heard():
            self.check_people()
            told = all(one.latest and one.latest > since for one in [*self.readers, self.follower])
            return told and all(last(writer) > since for writer in self.writers)

        eventually("everybody is confirmed something, and all nodes tell of it", all_heard, AGREE_SECONDS)

    def pause_of(self, begin):
        """The longest time in which nobody was confirmed anything; and the longest in which a writer was not that was at
        the node concerned."""
        times, longest = [begin], None
        for writer in self.writers:
            own, was_there = [], False
            for _, _, confirmed, node in reversed(writer.confirmed.values()):
                own.append(confirmed)
                if confirmed < begin:
                    was_there = self.faults.node is not None and node == self.faults.node.name
                    break
            times += own
            if was_there:
                gap = max(later - earlier for later, earlier in zip(own, own[1:]))
                longest = max(longest or 0, gap)
        times = sorted(one for one in times if one >= begin) + [time.monotonic()]
        return max(later - earlier for earlier, later in zip(times, times[1:])), longest

    def check_people(self):
        for person in self.people():
            if person.failure:
                raise Failure(f"{person.name}: {person.failure!r}") from person.failure

    def compare(self):
        """What all nodes have so far is the same."""
        for history in self.histories:
            with contextlib.suppress(Gone):
                history.fetch()
        first, *others = self.histories
        for other in others:
            for at, (one, same) in enumerate(zip(first.messages, other.messages)):
                if one != same:
                    raise Failure(
                        f"message {at} is {one} at {first.node.name} and {same} at {other.node.name}"
                    )

    def agree(self):
        def same():
            self.compare()
            lengths = {len(history.messages) for history in self.histories}
            newest = {history.messages[-1][0] for history in self.histories}
            return len(lengths) == 1 and len(newest) == 1

        eventually("all nodes have the same history", same, AGREE_SECONDS)

    def check(self):
        history = self.histories[0].messages
        texts = collections.Counter(text for _, _, _, text in history)
        twice = [text for text, count in texts.items() if count > 1]
        if twice:
            raise Failure(f"doubled: {twice[:5]}")
        places = {msgid: place for place, (msgid, *_) in enumerate(history)}
        if len(places) != len(history):
            raise Failure("a msgid is there twice")
        confirmed = 0
        for writer in self.writers:
            for text, (msgid, *_) in writer.confirmed.items():
                if msgid not in places or history[places[msgid]][3] != text:
                    raise Failure(f"{text}, confirmed as {msgid}, is not in the history")
                confirmed += 1
        if len(history) != confirmed:
            raise Failure(f"{confirmed} messages were confirmed, and the history has {len(history)}")
        seen = 0
        for reader in self.readers:
            for run in filter(None, reader.runs):
                self.check_run(reader.name, run, places.get(run[0][0]))
                seen += len(run)
        told = self.follower.told
        place = places.get(told[0])
        if place is None or [msgid for msgid, *_ in history[place:]] != told:
            raise Failure(f"chatclient told {len(told)} messages, which are not those from {told[0]} on, each once")
        runs = sum(len(reader.runs) for reader in self.readers)
        print(
            f"{confirmed} messages were confirmed, each is there once, and all {len(self.histories)} nodes have the"
            f" same; readers saw {seen} in {runs} runs without a gap or anything else, and chatclient told {len(told)}"
        )
        self.print_latencies()
        for name, pauses in sorted(self.pauses.items()):
            overall = sorted(pause for pause, _ in pauses)
            at_node = sorted(pause for _, pause in pauses if pause is not None)
            line = f"{name}: {len(pauses)} times, without any confirmation median {median(overall):.1f} s, most {overall[-1]:.1f} s"
            if at_node:
                line += f"; for those who were there median {median(at_node):.1f} s, most {at_node[-1]:.1f} s"
            print(line)

    def check_run(self, name, run, place):
        """What somebody has seen without a break is a piece of the history."""
        history = self.histories[0].messages
        if place is None:
            raise Failure(f"{name} saw {run[0]}, which is not in the history")
        for at, seen in enumerate(run):
            had = history[place + at] if place + at < len(history) else None
            if seen != had:
                before = run[at - 1] if at else None
                raise Failure(f"after {before}, {name} saw {seen}, and the history has {had} there")

    def print_latencies(self):
        waits = sorted(
            confirmed - sent for writer in self.writers for _, sent, confirmed, _ in writer.confirmed.values()
        )
        parts = [f"p{percent} {waits[len(waits) * percent // 100] * 1000:.0f} ms" for percent in (50, 90, 99)]
        over = len(waits) - bisect.bisect(waits, 1)
        print(f"confirmed after {', '.join(parts)}, most {waits[-1]:.1f} s; {over} took more than a second")


def median(values):
    return values[len(values) // 2]


def main():
    parser = argparse.ArgumentParser(prog="tests/cluster/run", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of the faults; printed")
    parser.add_argument("--faults", type=int, default=len(Faults(None, None, 0).all()), help="how many")
    parser.add_argument("--minutes", type=float, default=2.5, help="after which no new fault begins")
    parser.add_argument("--writers", type=int, default=9, help="people who write")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two messages of a writer, about")
    parser.add_argument("--hang", type=float, default=6, help="seconds for which things are hung, cut off or full")
    parser.add_argument("--only", action="append", metavar="FAULT", help="this fault only; may be repeated")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all data and logs")
    arguments = parser.parse_args()
    unknown = set(arguments.only or []) - set(Faults(None, None, 0).all())
    if unknown:
        parser.error(f"there is no fault {unknown.pop()!r}; there are: {', '.join(Faults(None, None, 0).all())}")
    print(f"seed {arguments.seed}", flush=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    folder = tempfile.mkdtemp(prefix="parlor-cluster-")
    cluster = Cluster(folder)
    test = Test(arguments, cluster)
    begin, keep = time.monotonic(), arguments.keep
    try:
        cluster.start()
        print(f"the cluster serves after {time.monotonic() - begin:.1f} s", flush=True)
        test.run()
        print(f"PASS ({time.monotonic() - begin:.0f} s)")
    except Failure as failure:
        print(f"{cluster.log_tails()}\nFAIL (seed {arguments.seed}): {failure}\nthe logs and data are in {folder}")
        keep = True
        return 1
    finally:
        test.end()
        cluster.end()
        if not keep:
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
