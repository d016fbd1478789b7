"""Sign calls to a node as docs/spec/http.md says, with the PyPI package http-message-signatures."""

import datetime
import secrets

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

COVERED = ("@method", "@authority", "@path", "@query")


class Key(HTTPSignatureKeyResolver):
    def __init__(self, seed: bytes):
        self.key = Ed25519PrivateKey.from_private_bytes(seed)

    def resolve_private_key(self, key_id):
        return self.key

    def resolve_public_key(self, key_id):
        return self.key.public_key()


class Signer:
    """Signs prepared requests of the package requests."""

    def __init__(self, key_id: str, seed: str):
        self.key_id = key_id
        self.signer = HTTPMessageSigner(
            signature_algorithm=algorithms.ED25519, key_resolver=Key(bytes.fromhex(seed))
        )

    def sign(self, request: requests.PreparedRequest, age=0):
        body = request.body
        if isinstance(body, str):
            body = request.body = body.encode()
        # Signed before, it is signed anew.
        for name in ("Signature", "Signature-Input", "Content-Digest"):
            request.headers.pop(name, None)
        created = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
        # An empty body is none: `Content-Length: 0` needs no digest.
        more = {"body": body} if body else {}
        self.signer.sign(
            request, key_id=self.key_id, created=created, nonce=secrets.token_urlsafe(16), tag="secnet",
            include_alg=False, covered_component_ids=COVERED, **more,
        )
        return request


class Client:
    def __init__(self, url: str, signer: Signer):
        self.url = url
        self.signer = signer
        self.http = requests.Session()
        self.http.trust_env = False

    @classmethod
    def of(cls, told: dict):
        """With the session key that a sample node tells."""
        return cls(told["url"], Signer(f'{told["member"]}#{told["did"]}', told["seed"]))

    def signed(self, method: str, path: str, body: bytes | None = None, kind="application/json", age=0):
        headers = {} if body is None else {"Content-Type": kind}
        request = requests.Request(method, self.url + path, data=body, headers=headers).prepare()
        return self.signer.sign(request, age)

    def send(self, request, status: int, **how):
        answer = self.http.send(request, **how)
        assert answer.status_code == status, f"{request.method} {request.url}: {answer.status_code} {answer.text}"
        return answer
