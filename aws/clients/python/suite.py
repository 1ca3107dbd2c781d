"""What the checks of boto3 and of the AWS CLI share: a list of checks, clients for
the server's regions, and the file of results. ../run starts the server."""

import itertools
import json
import os
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

# The regions of the server, by how their accounts behave.
INSTANT = "us-east-1"
PACED = "us-west-2"
LIMITED = "eu-west-1"
HASTY = "ap-southeast-2"  # a second lasts a hundred

SHARD0, SHARD1, SHARD2 = (f"shardId-{i:012d}" for i in range(3))

_accounts = itertools.count(1)
_lock = threading.Lock()


def new_account(digit):
    """An account that no other check uses: each has twelve digits."""
    with _lock:
        return f"{digit}{next(_accounts):011d}"


class Suite:
    """The checks of one client."""

    def __init__(self, client, version):
        self.client, self.version = client, version
        self.checks = []

    def operation(self, *names):
        """A check of an operation, or of several at once."""
        return self._add("operation", names)

    def check(self, name):
        return self._add("check", (name,))

    def _add(self, kind, names):
        def add(function):
            self.checks.append((kind, names, function))
            return function

        return add

    def run(self, protocol, *args):
        """Runs all checks over a protocol and reports whether all passed."""
        with ThreadPoolExecutor(8) as pool:
            return all(list(pool.map(lambda c: self._one(protocol, *c, args), self.checks)))

    def _one(self, protocol, kind, names, function, args):
        detail = ""
        try:
            function(*args)
        except Exception as e:  # whatever it is, the check failed
            detail = f"{type(e).__name__}: {e}"[:300]
            with _lock:
                print(f"FAIL {self.client}, {protocol}: {', '.join(names)}", file=sys.stderr)
                traceback.print_exc()
        for name in names:
            self.record(protocol, kind, name, not detail, detail)
        return not detail

    def record(self, protocol, kind, name, passed, detail=""):
        line = json.dumps({"client": self.client, "version": self.version, "protocol": protocol,
                           kind: name, "pass": passed, "detail": detail})
        with _lock, open(os.environ["WEIR_RESULTS"], "a") as f:
            f.write(line + "\n")
