"""Call a node over HTTP as docs/spec/http.md says, signed with the PyPI package http-message-signatures.

    http_client.py SAMPLE_NODE

SAMPLE_NODE is the compiled example `sample_node` of the crate secnet-gateway. Exits 0 if everything is answered as the page says.
"""

import hashlib
import json
import subprocess
import sys

import requests

from signing import Client


def main() -> None:
    node = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        told = json.loads(node.stdout.readline())
        check(Client.of(told), told)
    finally:
        node.stdin.close()
        node.wait(timeout=30)


def check(client: Client, told: dict) -> None:
    network = requests.Request("GET", client.url + "/v1/network").prepare()
    assert client.send(network, 200).json()["threshold"] == 1

    listed = client.signed("GET", "/v1/datasets?limit=5")
    datasets = client.send(listed, 200).json()["datasets"]
    assert [dataset["dataset"] for dataset in datasets] == [told["dataset"]]
    # The same signature again, another time, another query, nobody's key.
    assert client.send(listed, 401).json()["code"] == "unauthenticated"
    assert client.send(client.signed("GET", "/v1/datasets", age=120), 401).json()["code"] == "bad-signature"
    moved = client.signed("GET", "/v1/datasets?limit=5")
    moved.url = moved.url.replace("limit=5", "limit=6")
    client.send(moved, 401)
    stranger = Client.of({**told, "seed": "01" * 32})
    client.send(stranger.signed("GET", "/v1/datasets"), 401)

    wrong = client.send(client.signed("POST", "/v1/commands", b'{"command": "AAAA"}'), 400)
    assert wrong.headers["content-type"] == "application/problem+json"
    changed = client.signed("POST", "/v1/commands", b'{"command": "AAAA"}')
    changed.body = b'{"command": "BBBB"}'
    assert "digest" in client.send(changed, 400).json()["detail"]

    # A session reads, and changes nothing by itself.
    token = client.send(client.signed("POST", "/v1/sessions"), 201).json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.http.get(client.url + "/v1/datasets", headers=bearer).status_code == 200
    second = client.http.post(client.url + "/v1/sessions", headers=bearer)
    assert (second.status_code, second.json()["code"]) == (403, "must-be-signed")

    # There is no BLAKE3 in Python's library; a segment under the wrong address is refused.
    segment = b"ciphertext" * 1000
    address = "b3:" + hashlib.sha256(segment).hexdigest()
    put = client.signed("PUT", f"/v1/segments/{address}", segment, "application/octet-stream")
    assert client.send(put, 400).json()["code"] == "malformed"

    # Events: where the stream stands is said first.
    with client.http.send(client.signed("GET", "/v1/events"), stream=True) as stream:
        lines = stream.iter_lines(decode_unicode=True)
        assert stream.headers["content-type"] == "text/event-stream"
        assert next(lines).startswith(":") and next(lines).startswith("id: ")

    found = client.http.get(client.url + "/.well-known/authzen-configuration").json()
    assert found["access_evaluation_endpoint"] == client.url + "/access/v1/evaluation"
    search = {
        "subject": {"type": "member", "id": told["member"]},
        "action": {"name": "read"},
        "resource": {"type": "record", "properties": {"dataset": told["dataset"]}},
        "context": {"purpose": "treatment"},
    }
    body = json.dumps(search).encode()
    records = client.send(client.signed("POST", "/access/v1/search/resource", body), 200).json()
    assert [found["id"] for found in records["results"]] == told["records"][:2], records
    assert records["page"] == {"next_token": "", "count": 2} and records["context"] == {"preview": True}, records

    # What a problem's type leads to says what it means.
    page = client.http.get(client.url + wrong.json()["type"])
    assert page.status_code == 200 and "malformed" in page.text, page.text
    print("a foreign client signs, reads, searches and is refused as docs/spec/http.md says")


main()
