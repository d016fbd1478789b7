"""Ask a SecNet node what a member may see: a program with a key of its own, which the member lets in for some hours.

    what_may_i_see.py URL MEMBER DATASET PURPOSE

Needs signing.py of crates/secnet-gateway/tests/foreign beside it, or on PYTHONPATH, and the packages that its requirements.txt names.
"""

import json
import os
import pathlib
import secrets
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signing import Client, Signer

KEY = pathlib.Path("program.key")
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def main(url: str, member: str, dataset: str, purpose: str) -> None:
    seed = own_seed()
    did = did_key(seed)
    client = Client(url, Signer(f"{member}#{did}", seed))
    answer = client.http.send(client.signed("GET", "/v1/datasets"))
    if answer.status_code == 401:
        sys.exit(f"the node does not know this program; let it in: secnet id session NAME --key {did} --url {url}")
    answer.raise_for_status()
    for found in answer.json()["datasets"]:
        print("dataset", found["dataset"], "at", found["price"])

    token = ""
    while True:
        search = {
            "subject": {"type": "member", "id": member},
            "action": {"name": "read"},
            "resource": {"type": "record", "properties": {"dataset": dataset}},
            "context": {"purpose": purpose},
            "page": {"token": token, "limit": 50},
        }
        # A preview: nothing is decided, charged or released.
        page = client.send(client.signed("POST", "/access/v1/search/resource", json.dumps(search).encode()), 200).json()
        for record in page["results"]:
            print("record", record["id"])
        token = page["page"]["next_token"]
        if not token:
            break


def own_seed() -> str:
    """The program's secret key. It never leaves this file; the member is only told the public one."""
    if not KEY.exists():
        with open(os.open(KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    return KEY.read_text()


def did_key(seed: str) -> str:
    """The public key as did:key: base58btc of the multicodec for Ed25519 and the key."""
    public = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key().public_bytes_raw()
    number, text = int.from_bytes(b"\xed\x01" + public), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return f"did:key:z{text}"


if __name__ == "__main__":
    main(*sys.argv[1:])
