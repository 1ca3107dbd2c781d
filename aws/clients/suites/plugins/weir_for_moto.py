"""What moto's tests expect of their server beside Kinesis: that it is empty when a test
begins, and that it says whose account it is. A plugin of pytest."""

import io
import os

import boto3
import pytest
from botocore.awsrequest import AWSResponse

ACCOUNT = "123456789012"

IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::{ACCOUNT}:root</Arn><UserId>{ACCOUNT}</UserId><Account>{ACCOUNT}</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""

regions = set()  # that tests have called
clients = {}  # of our own, by region


class Body(io.BytesIO):
    def stream(self, **_):
        yield self.read()


def identity(request, **_):
    return AWSResponse(request.url, 200, {}, Body(IDENTITY.encode()))


def called(request_signer, **_):
    regions.add(request_signer.region_name)


boto3.setup_default_session()
boto3.DEFAULT_SESSION.events.register("before-send.sts.GetCallerIdentity", identity)
boto3.DEFAULT_SESSION.events.register("before-call.kinesis", called)


def client(region):
    if region not in clients:
        clients[region] = boto3.session.Session().client(
            "kinesis", region_name=region, endpoint_url=os.environ["TEST_SERVER_MODE_ENDPOINT"],
            aws_access_key_id=ACCOUNT, aws_secret_access_key="secret")
    return clients[region]


@pytest.fixture(autouse=True)
def without_streams():
    while regions:
        kinesis = client(regions.pop())
        for page in kinesis.get_paginator("list_streams").paginate():
            for name in page["StreamNames"]:
                kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
