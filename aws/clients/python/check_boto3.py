"""Drives a running server with boto3, over HTTP/1.1 and over TLS."""

import os
import sys

import boto3_queues  # noqa: F401: its checks add themselves
import boto3_records  # noqa: F401
import boto3_streams  # noqa: F401
from boto3_suite import Session, suite
from suite import Suite


def main():
    passed = True
    for protocol, variable in (("JSON, HTTP/1.1", "WEIR_HTTP"), ("JSON, HTTP/1.1 TLS", "WEIR_HTTPS")):
        checks = Suite(suite.client, suite.version)
        checks.checks = [(kind, name, lambda e, f=function: f(Session(e))) for kind, name, function in suite.checks]
        passed &= checks.run(protocol, os.environ[variable])
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
