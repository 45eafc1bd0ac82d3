#!/usr/bin/env python3
"""Verifies a trunkwarden audit log with nothing but Python's standard library: the second opinion of docs/audit.md.

    verify_audit.py --key VKEY [--checkpoint FILE]... LOG...

LOG is a journal (journal.db, read only), an export (.jsonl) or an archived segment (.jsonl.gz); several are read one after
the other, as one log. Exit code 0: all holds. 1: it does not, and the first entry at which it shows is named. 2: usage.

What is checked: each entry's number and its tie to the one before (SHA-256), the Merkle tree of RFC 6962 over them against
every checkpoint in the log and every one given, the Ed25519 signature of each checkpoint (RFC 8032), and that little of the
end is covered by none.
"""
import argparse
import base64
import datetime
import gzip
import hashlib
import json
import sqlite3
import sys
import urllib.parse

# --- Ed25519, RFC 8032, section 5.1: verification only, written for clarity ---
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P)


def times(n, point):
    result = (0, 1)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def decode_point(data):
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        raise ValueError("no point of the curve")
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        raise ValueError("no point of the curve")
    return (P - x if x & 1 != sign else x, y)


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def is_signed(key, text, signature):
    try:
        public, r = decode_point(key), decode_point(signature[:32])
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % ORDER
    return len(signature) == 64 and s < ORDER and times(s, BASE) == add(r, times(h, public))


# --- Merkle tree, RFC 6962, section 2.1 ---
class Tree:
    def __init__(self):
        self.size, self.peaks = 0, []

    def push(self, text):
        node, size = hashlib.sha256(b"\0" + text).digest(), self.size
        while size & 1:
            node, size = hashlib.sha256(b"\1" + self.peaks.pop() + node).digest(), size >> 1
        self.peaks.append(node)
        self.size += 1

    def root(self):
        if not self.peaks:
            return hashlib.sha256().digest()
        node = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            node = hashlib.sha256(b"\1" + left + node).digest()
        return node


# --- checkpoints: C2SP signed-note and tlog-checkpoint ---
def parse_key(text):
    name, digits, key = text.strip().split("+", 2)
    data = base64.b64decode(key, validate=True)
    digest = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
    if data[0] != 1 or len(data) != 33 or digest.hex() != digits:
        raise ValueError("no Ed25519 key of the form NAME+ID+KEY")
    return name, digest, data[1:]


def parse_checkpoint(note, keys):
    """The size and the root of a checkpoint, once one of the keys has signed it."""
    body, signatures = note[: note.rindex("\n\n") + 1], note[note.rindex("\n\n") + 2 :]
    origin, size, root = body.split("\n")[:3]
    for line in signatures.splitlines():
        dash, name, data = line.split(" ")
        data = base64.b64decode(data, validate=True)
        for key_name, digest, key in keys:
            if dash == "\u2014" and (name, data[:4], origin) == (key_name, digest, key_name):
                if is_signed(key, body.encode(), data[4:]):
                    return int(size), base64.b64decode(root, validate=True)
    raise ValueError("no good signature by a key that was given")


# --- the log ---
def texts(path):
    if path.endswith(".gz"):
        with gzip.open(path, "rb") as lines:
            yield from (line.rstrip(b"\n") for line in lines)
    elif path.endswith(".jsonl"):
        with open(path, "rb") as lines:
            yield from (line.rstrip(b"\n") for line in lines)
    else:
        db = sqlite3.connect(f"file:{urllib.parse.quote(path)}?mode=ro", uri=True)
        # A view could show one thing here and another elsewhere.
        kinds = dict(db.execute("SELECT name, type FROM sqlite_master WHERE type = 'view' OR name IN ('audit', 'segments')"))
        if set(kinds.values()) != {"table"}:
            raise ValueError(f"{path} is not a journal as trunkwarden makes it: it holds a view, or lacks a table")
        # What is archived may not be removed yet; it is in the archive's file.
        cut = db.execute("SELECT coalesce(max(last), 0) FROM segments").fetchone()[0]
        yield from (row[0].encode() for row in db.execute("SELECT entry FROM audit WHERE seq > ? ORDER BY seq", (cut,)))


def moment(entry):
    return datetime.datetime.fromisoformat(entry["timestamp"].replace("Z", "+00:00"))


def check_cover(covered, sealed, last, size, most):
    """Little of the end is covered by no checkpoint: who can write the log can have written that."""
    after, (entries, hours) = size - covered - 1, most
    if sealed is None:
        raise SystemExit("broken: no checkpoint by a key that was given covers any of it")
    if after > entries or after > 0 and moment(last) - moment(sealed) > datetime.timedelta(hours=hours):
        raise SystemExit(f"broken: the newest checkpoint covers entries 1 to {covered}, and {after} came after it")


def verify(paths, keys, held, most):
    tree, before, checkpoints = Tree(), "0" * 64, 0
    covered, sealed, entry, doubtful, accepted = 0, None, None, [], {}
    expected = {}
    for size, root in held:
        if expected.setdefault(size, root) != root:
            raise SystemExit(f"broken: two checkpoints of {size} entries that were kept elsewhere contradict each other")
    if expected.pop(0, tree.root()) != tree.root():
        raise SystemExit("broken: a checkpoint of no entries has the root of some")
    for path in paths:
        for text in texts(path):
            seq = tree.size + 1
            try:
                entry = json.loads(text)
                if entry["seq"] != seq or entry["prev_hash"] != before:
                    raise ValueError("it does not follow the one before it")
                if entry["event_type"] == "journal.accepted":
                    accepted.update((digest, seq) for digest in entry["details"]["set_aside"])
                if entry["event_type"] == "journal.checkpoint":
                    try:
                        if parse_checkpoint(entry["details"]["note"], keys) != (tree.size, tree.root()):
                            raise ValueError("its checkpoint does not cover the entries before it")
                        checkpoints, covered, sealed = checkpoints + 1, tree.size, entry
                    except ValueError as error:
                        # Unless a person has set it aside, in an entry that a later checkpoint covers.
                        doubtful.append((seq, hashlib.sha256(entry["details"]["note"].encode()).hexdigest(), error))
            except (ValueError, KeyError, TypeError) as error:
                raise SystemExit(f"broken at entry {seq}: {error}")
            tree.push(text)
            before = hashlib.sha256(text).hexdigest()
            if expected.pop(tree.size, tree.root()) != tree.root():
                raise SystemExit(f"broken: entries 1 to {tree.size} are not those of the checkpoint that was kept elsewhere")
    for seq, digest, error in doubtful:
        if not seq < accepted.get(digest, 0) <= covered:
            raise SystemExit(f"broken at entry {seq}: {error}")
    if expected:
        raise SystemExit(f"broken: a checkpoint covers {max(expected)} entries and the log has {tree.size}: cut off")
    check_cover(covered, sealed, entry, tree.size, most)
    print(f"whole: {tree.size} entries, {checkpoints} checkpoints\nhead {before}\nroot {base64.b64encode(tree.root()).decode()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--key", action="append", required=True, help="NAME+ID+KEY, from `trunkwarden audit key`")
    parser.add_argument("--checkpoint", action="append", default=[], help="a checkpoint that was kept elsewhere")
    parser.add_argument("--cover-entries", type=int, default=2000, help="entries that no checkpoint may cover at the end")
    parser.add_argument("--cover-hours", type=float, default=2, help="hours after the newest checkpoint, where there are any")
    parser.add_argument("log", nargs="+")
    args = parser.parse_args()
    try:
        keys = [parse_key(key) for key in args.key]
        held = [parse_checkpoint(open(path, encoding="utf-8").read(), keys) for path in args.checkpoint]
        verify(args.log, keys, held, (args.cover_entries, args.cover_hours))
    except (OSError, ValueError, sqlite3.Error) as error:
        raise SystemExit(f"cannot verify: {error}")


if __name__ == "__main__":
    main()
