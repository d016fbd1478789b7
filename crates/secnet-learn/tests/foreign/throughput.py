"""Rows a second: river's adaptive random forest beside the stream detector, on the same rows, one after the other.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python throughput.py SECNET DATA

SECNET is the program, DATA the folder that `secnet guard eval --data` takes. The forest learns from labels and is told each at once;
the detector has none. Both judge each row before they learn it, on one thread. Reading the file is not counted.
"""

import json
import subprocess
import sys
import time

import pandas as pd
from river import forest

ROWS = 10_000


def river_rate(data):
    rows = pd.read_csv(f"{data}/adbench/smtp.csv.gz").head(ROWS)
    labels = rows.pop("label").tolist()
    events = rows.to_dict("records")
    model = forest.ARFClassifier(n_models=10, seed=1)
    begun = time.perf_counter()
    for event, label in zip(events, labels):
        model.predict_one(event)
        model.learn_one(event, label)
    return ROWS / (time.perf_counter() - begun)


def secnet_rate(secnet, data):
    asked = [secnet, "guard", "eval", "--data", data, "--task", "smtp", "--seeds", "1", "--json"]
    told = json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)
    return next(line["mean"] for line in told["figures"] if line["figure"] == "events per second")


if __name__ == "__main__":
    secnet, data = sys.argv[1:]
    for run in (1, 2, 3):
        theirs, ours = river_rate(data), secnet_rate(secnet, data)
        print(f"run {run}: river {theirs:.0f} rows/s, secnet {ours:.0f} rows/s, {ours / theirs:.0f} times", flush=True)
