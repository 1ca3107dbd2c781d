"""A function of Lambda that does what the records say."""

import base64
import os
import time


class Panic(Exception):
    pass


def handle(event, context):
    answer = {"batchItemFailures": []}
    for r in event["Records"]:
        text = base64.b64decode(r["kinesis"]["data"]).decode()
        if text == "error":
            raise ValueError("cannot sell that")
        if text == "panic":
            raise Panic("oh")
        if text == "exit":
            os._exit(3)
        if text == "hang":
            time.sleep(3600)
        if text == "partial":
            answer["batchItemFailures"].append({"itemIdentifier": r["kinesis"]["sequenceNumber"]})
    return answer
