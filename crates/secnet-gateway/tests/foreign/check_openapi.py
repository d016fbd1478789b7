"""Run schemathesis on the whole OpenAPI document of a node: as nobody, as a requester by signatures, as an owner in a session.

    check_openapi.py SAMPLE_NODE [--max-examples N] [--seed N]

SAMPLE_NODE is the compiled example `sample_node` of the crate secnet-gateway. Exits 0 if no answer is a 5xx, undocumented, or of
another shape than the document says, and every operation was seen to succeed at least once.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROUNDS = [("nobody", "nothing"), ("bo", "signature"), ("ada", "session")]
# No command that the sample could hand in registers a dataset, and what it could store has no address in Python's library; nothing
# moves where there is one node.
NEVER_GOOD = {"POST /v1/datasets", "PUT /v1/segments/{address}", "POST /v1/moves", "POST /v1/copies"}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("node")
    parser.add_argument("--max-examples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    node = subprocess.Popen([args.node], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        told = json.loads(node.stdout.readline())
        failed, seen = 0, {}
        for who, by in ROUNDS:
            print(f"\n== {who}, by {by}", flush=True)
            failed |= run(told, (who, by), args, seen)
        return failed | summary(told, seen)
    finally:
        node.stdin.close()
        node.wait(timeout=30)


def run(told: dict, how: tuple[str, str], args, seen: dict) -> int:
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "seen.json"
        environment = {
            **os.environ,
            "SECNET_SAMPLE": json.dumps(told), "SECNET_AS": how[0], "SECNET_BY": how[1], "SECNET_SEEN": str(written),
            "SCHEMATHESIS_HOOKS": "openapi_hooks", "PYTHONPATH": str(HERE), "NO_PROXY": "*", "NO_COLOR": "1",
        }
        command = [
            str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(HERE / "schemathesis.toml"),
            "run", told["url"] + "/openapi.json", "--checks", "all", "--mode", "all",
            "--max-examples", str(args.max_examples), "--seed", str(args.seed), "--continue-on-failure", "--warnings", "off",
        ]
        failed = subprocess.run(command, env=environment, cwd=folder).returncode
        for operation, counts in json.loads(written.read_text()).items():
            for status, n in counts.items():
                all_of_it = seen.setdefault(operation, {})
                all_of_it[status] = all_of_it.get(status, 0) + n
        return failed


def summary(told: dict, seen: dict) -> int:
    print(f"\n{sum(sum(counts.values()) for counts in seen.values())} calls")
    failed = 0
    for operation, counts in sorted(seen.items()):
        print(f"  {operation}: " + ", ".join(f"{status} x {n}" for status, n in sorted(counts.items())))
        good = any(status.startswith("2") for status in counts)
        if good == (operation in NEVER_GOOD):
            print("    was not seen to succeed" if not good else "    was not expected to succeed")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
