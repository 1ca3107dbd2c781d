"""Runs other people's tests against weir serve: those that come in the source packages
of their projects and can be pointed at an endpoint. Nothing of theirs is changed.

    suites.py fetch    gets the source packages
    suites.py run      runs the tests, and records each beside exceptions.toml

../run builds weir, makes the environment of requirements.txt and calls both."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HERE = Path(__file__).parent
WORK = HERE.parent / ".work" / "suites"

# For tests that must not wait, and want all of an account that moto made up.
FLAGS = ["--delay", "0s", "--limits", "none", "--account-id", "123456789012"]
KEYS = {"AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "secret"}


class Suite:
    """The tests of a project: which, what pytest is told beside, and how they learn
    where the server is. own is for a suite that starts the server itself."""

    def __init__(self, name, what, tests, options=(), endpoint=None, own=False, **environment):
        self.name, self.what, self.tests, self.options = name, what, tests, options
        self.endpoint, self.own, self.environment = endpoint, own, environment
        pinned = re.search(rf"^{name}==(.+)$", (HERE / "requirements.txt").read_text(), re.MULTILINE)
        self.version = pinned[1]
        self.dir = WORK / f"{name.replace('-', '_')}-{self.version}"


SUITES = [
    # The one that is left out starts moto's own server, whatever it is told.
    Suite("moto", "an emulator's tests of Kinesis", "tests/test_kinesis",
          ("-p", "weir_for_moto", "--ignore", "tests/test_kinesis/test_server.py"),
          "TEST_SERVER_MODE_ENDPOINT", TEST_SERVER_MODE="true", AWS_DEFAULT_REGION="us-east-1", MOTO_CALL_RESET_API="false"),
    Suite("async-kinesis", "a client library's tests with a server", "tests", ("-m", "integration", "-n", "4"),
          "ENDPOINT_URL", AWS_DEFAULT_REGION="ap-southeast-2"),
    # The projects' own settings would have pytest-asyncio out and warn about it.
    Suite("aiokpl", "a producer library's tests with a server", "tests/integration", ("-p", "no:asyncio"), own=True,
          WEIR_FLAGS=" ".join(FLAGS)),
]


def fetch():
    WORK.mkdir(parents=True, exist_ok=True)
    for s in SUITES:
        if s.dir.exists():
            continue
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                        "--no-binary", s.name, "-d", WORK, f"{s.name}=={s.version}"], check=True)
        shutil.unpack_archive(f"{s.dir}.tar.gz", WORK)


def run():
    exceptions = tomllib.loads((HERE / "exceptions.toml").read_text())
    lock = threading.Lock()

    def record(s, test, passed, reason="", detail=""):
        line = json.dumps({"client": s.name, "version": s.version, "protocol": "-", "suite": s.what, "check": test,
                           "pass": passed, "exception": reason, "detail": detail})
        with lock, open(os.environ["WEIR_RESULTS"], "a") as f:
            f.write(line + "\n")

    def one(s):
        reasons = {test: e["reason"] for e in exceptions.get(s.name, []) for test in e["tests"]}
        try:
            outcomes = try_all(s)
        except Exception as e:  # whatever it is, the suite did not run
            record(s, "the suite ran to its end", False, detail=f"{type(e).__name__}: {e}")
            return
        for test, wrong in outcomes.items():
            record(s, test, not wrong, reasons.pop(test, ""), wrong)
        for test in reasons:
            record(s, test, False, detail="is an exception in exceptions.toml, but there is no such test")

    # They wait more than they work.
    threads = [threading.Thread(target=one, args=(s,)) for s in SUITES]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def try_all(s):
    """Returns what was wrong with each test of a suite, in the order of their names."""
    results, log = WORK / f"{s.name}.xml", WORK / f"{s.name}.log"
    results.unlink(missing_ok=True)
    environment = {**os.environ, **KEYS, **s.environment, "PYTHONPATH": str(HERE / "plugins")}
    server = None
    try:
        if not s.own:
            server = subprocess.Popen([os.environ["WEIR"], "serve", "--listen", "127.0.0.1:0", *FLAGS],
                                      stdout=subprocess.PIPE, text=True)
            port = server.stdout.readline().strip().rpartition(":")[2]
            environment[s.endpoint] = f"http://localhost:{port}"
        with open(log, "w") as out:
            code = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "--tb=short", *s.options,
                                   f"--junitxml={results}", s.tests], cwd=s.dir, env=environment, stdout=out,
                                  stderr=subprocess.STDOUT, timeout=300).returncode
    finally:
        if server:
            server.terminate()
            server.wait()
    if code not in (0, 1):  # all passed, or some did not
        raise RuntimeError(f"pytest ended with {code}, see {log}")
    outcomes = {}
    for case in ElementTree.parse(results).iter("testcase"):
        module = case.get("classname").removeprefix(s.tests.replace("/", ".")).removeprefix(".")
        name = f"{module}::{case.get('name')}"
        wrong = [child.get("message") or child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        outcomes[name] = outcomes.get(name, "") + "; ".join(wrong)[:300]
    return dict(sorted(outcomes.items()))


if __name__ == "__main__":
    {"fetch": fetch, "run": run}[sys.argv[1]]()
