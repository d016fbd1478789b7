"""Follow docs/guides/call-a-node.md: what it says of curl and of the data word by word; and a Python program with a key of its own is let
in at a node, asks, and is shut out.

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
            told = json.loads(dev.stdout.readline())
            follow(secnet, place, told)
            typed(secnet, place, told)
        finally:
            dev.terminate()
            dev.wait(timeout=60)
    print("a node is called from curl; a Python program is let in, asks and is shut out, as docs/guides/call-a-node.md says")


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


def typed(secnet: str, place: str, told: dict) -> None:
    """The sections of the page that need no Python, as a reader types them."""
    page = (ROOT / "docs/guides/call-a-node.md").read_text()
    sections = [section for section in page.split("\n## ") if section.startswith(("curl", "The data"))]
    commands = [line[2:] for section in sections for line in section.splitlines() if line.startswith("$ ")]
    assert len(commands) == 4, commands
    env = {**os.environ, "PATH": f"{os.path.dirname(secnet)}:{os.environ['PATH']}"}
    answers = []
    for command in commands:
        command = command.replace("http://127.0.0.1:41099", told["url"]).replace("sndata1...", told["dataset"])
        done = subprocess.run(["sh", "-c", command], cwd=place, env=env, capture_output=True, text=True)
        assert done.returncode == 0, (command, done)
        answers.append(done.stdout)
    assert json.loads(answers[0])["name"] and "bad-signature" in answers[1], answers[:2]
    assert "asks" in json.loads(answers[2]), answers[2]
    assert json.loads(answers[3])["records"], answers[3]


main(*sys.argv[1:])
