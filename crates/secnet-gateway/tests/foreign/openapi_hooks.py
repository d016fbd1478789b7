"""What schemathesis must know besides the OpenAPI document: how a call shows who makes it, and what that member can send.

Loaded by check_openapi.py, which says in SECNET_SAMPLE what the node told, in SECNET_AS who calls (nobody, ada or bo), in
SECNET_BY how that is shown (signature or session), and in SECNET_SEEN where to write what was answered.
"""

import atexit
import itertools
import json
import os
import threading
from collections import Counter, defaultdict
from pathlib import Path

import requests
import schemathesis
from requests.auth import AuthBase

from signing import Client, Signer

TOLD = json.loads(os.environ["SECNET_SAMPLE"])
WHO = TOLD["people"].get(os.environ["SECNET_AS"])
SENT = WHO["send"] if WHO else {}
# Ids that exist. What is generated has no valid checksum and tests only that it is refused.
KNOWN = {
    "dataset": TOLD["dataset"],
    "member": TOLD["member"],
    "record": TOLD["records"][0],
    "group": TOLD["group"],
    "rule": TOLD["rule"],
    "request": SENT.get("request"),
    "event": SENT.get("event"),
    "decision": SENT.get("decision"),
    "incident": TOLD["incident"],
    "code": "denied",
}
STREAMS = ("/v1/events", "/v1/alerts")
# How long a stream of events is read.
STREAM_SECONDS = 0.1
turn = itertools.count()
seen: dict[str, Counter] = defaultdict(Counter)


@schemathesis.serializer("application/cbor")
def as_bytes(_context, value):
    """A body of bytes, which the document can only call a list of small numbers."""
    if isinstance(value, list) and all(type(item) is int and 0 <= item < 256 for item in value):
        return {"data": bytes(value)}
    return {"data": value if isinstance(value, bytes) else json.dumps(value, default=str).encode()}


class Signed(AuthBase):
    """A signature over each call."""

    def __init__(self):
        self.signer = Signer(WHO["member"], WHO["seed"])

    def __call__(self, request):
        return self.signer.sign(request)


class InSession(AuthBase):
    """A session's token; another session when the one before was ended."""

    def __init__(self):
        self.client = Client(TOLD["url"], Signer(WHO["member"], WHO["seed"]))
        self.token = None

    def __call__(self, request: requests.PreparedRequest):
        if self.token is None:
            opened = self.client.send(self.client.signed("POST", "/v1/sessions"), 201)
            self.token = opened.json()["token"]
        request.headers["Authorization"] = f"Bearer {self.token}"
        request.register_hook("response", self.answered)
        return request

    def answered(self, response, **_):
        ended = response.request.method == "DELETE" and response.request.path_url.startswith("/v1/sessions")
        if ended or response.status_code == 401:
            self.token = None

    def end(self):
        self.client.send(self.client.signed("DELETE", "/v1/sessions"), 204)
        self.token = None


class Caller(AuthBase):
    """As the environment says; but a stream of events ends with its session, or nobody would see the end of it."""

    def __init__(self):
        self.session = InSession()
        self.other = Signed() if os.environ["SECNET_BY"] == "signature" else self.session

    def __call__(self, request: requests.PreparedRequest):
        if request.method != "GET" or not request.path_url.startswith(STREAMS):
            return self.other(request)
        threading.Timer(STREAM_SECONDS, self.session.end).start()
        return self.session(request)


if WHO:
    schemathesis.auth.set_from_requests(Caller())


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Every other call that is meant to be good is made of what exists: nobody generates signed requests."""
    if case.meta is None or not case.meta.generation.mode.is_positive or next(turn) % 2:
        return
    for name in list(case.path_parameters or {}):
        if KNOWN.get(name) is not None:
            case.path_parameters[name] = KNOWN[name]
    if case.operation.path.endswith("/records") and case.method.upper() == "GET":
        case.query = {"purpose": "treatment"}
    bodies = SENT.get(case.operation.path)
    if bodies and case.method.upper() in ("POST", "PUT"):
        case.body = bodies[next(turn) % len(bodies)]


@schemathesis.hook
def after_call(ctx, case, response):
    seen[f"{case.operation.method.upper()} {case.operation.path}"][response.status_code] += 1


@atexit.register
def write_down():
    answered = {operation: {str(status): n for status, n in counts.items()} for operation, counts in seen.items()}
    Path(os.environ["SECNET_SEEN"]).write_text(json.dumps(answered))
