"""Follow docs/guides/call-a-node.md: a Python program with a key of its own is let in at a node, asks, and is shut out.

    call_a_node.py SECNET

SECNET is the compiled program. Exits 0 if everything goes as the page says.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[4]


def main(secnet: str) -> None:
    secnet = os.path.abspath(secnet)
    with tempfile.TemporaryDirectory() as place:
        dev = subprocess.Popen([secnet, "dev", "--dir", "try", "--json"], cwd=place, stdout=subprocess.PIPE)
        try:
            follow(secnet, place, json.loads(dev.stdout.readline()))
        finally:
            dev.terminate()
            dev.wait(timeout=60)
    print("a Python program is let in, asks and is shut out, as docs/guides/call-a-node.md says")


def follow(secnet: str, place: str, told: dict) -> None:
    def run(*command: str) -> subprocess.CompletedProcess:
        signing = str(ROOT / "crates/secnet-gateway/tests/foreign")
        env = {**os.environ, "PYTHONPATH": signing}
        return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True)

    url, dataset = told["url"], told["dataset"]
    bo = next(member["member"] for member in told["members"] if member["name"] == "dr-bo")
    program = (sys.executable, str(ROOT / "docs/guides/what_may_i_see.py"), url, bo, dataset, "treatment")
    refused = run(*program)
    assert refused.returncode == 1, refused
    did = re.search(r"did:key:z6Mk\w+", refused.stderr)[0]

    session = (secnet, "--dir", "try", "id", "session", "dr-bo", "--key", did, "--url", url)
    opened = run(*session)
    assert opened.returncode == 0 and did in opened.stdout, opened
    seen = run(*program)
    assert seen.returncode == 0, seen
    lines = seen.stdout.splitlines()
    assert lines[0] == f"dataset {dataset} at 0.25", lines
    assert len(lines) > 3 and all(line.startswith("record snrec1") for line in lines[1:]), lines

    ended = run(*session, "--end")
    assert ended.returncode == 0, ended
    assert run(*program).returncode == 1


main(*sys.argv[1:])
