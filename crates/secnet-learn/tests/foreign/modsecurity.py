"""ModSecurity with its Core Rule Set beside `secnet guard eval --task csic2010`, on the raw requests of the same test rows.

    secnet guard eval --data DATA --task csic2010 --report REPORT
    python3 modsecurity.py DATA REPORT/csic2010-scores.csv

It needs Debian's apache2, libapache2-mod-security2 and modsecurity-crs, and installs nothing. An Apache of its own, configured in a
temporary folder, listens on 127.0.0.1 alone and judges each raw request as it is, in detection only, once at each paranoia
level; the anomaly score comes back as a header. Nothing is sent elsewhere.

Compared are the raw requests that are among the test rows of `csic2010` (not in training, each different one once). The table's text
is the request decoded, often twice, in lower case; that is how the two are put together. A threshold for ModSecurity is an anomaly
score; ours is read off the ROC of the same rows at the same number of false alarms or fewer.
"""

import csv
import gzip
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

HOST, PORT = "127.0.0.1", 18080
LEVELS = (1, 2, 3, 4)
# Forbids the header `Accept-Charset`, which every request of the data set has: an operator would switch it off at once.
REMOVED = 920450
RULES = "/usr/share/modsecurity-crs"
MODULES = "/usr/lib/apache2/modules"
HEADER = "x-anomaly-score"
REQUEST = re.compile(rb"(?m)^(?=[A-Z]{3,8} http://[^\r\n]* HTTP/1\.[01]\r?$)")

CONFIGURATION = """
ServerRoot {dir}
ServerName localhost
PidFile {dir}/pid
Listen {host}:{port}
ErrorLog {dir}/error.log
LogLevel crit
User www-data
Group www-data
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule headers_module {modules}/mod_headers.so
LoadModule unique_id_module {modules}/mod_unique_id.so
LoadModule security2_module {modules}/mod_security2.so
DocumentRoot {dir}/www
<Directory {dir}/www>
  Require all granted
</Directory>
SecDataDir {dir}/data
Include /etc/modsecurity/modsecurity.conf-recommended
SecRuleEngine DetectionOnly
SecAuditEngine Off
Include /etc/modsecurity/crs/crs-setup.conf
SecAction "id:900000,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level={level}"
Include {rules}/rules/*.conf
SecRuleRemoveById {removed}
SecRule TX:ANOMALY_SCORE "@ge 0" "id:999999,phase:2,pass,nolog,setenv:anomaly=%{{tx.anomaly_score}}"
Header always set {header} "%{{anomaly}}e"
"""


def raw_requests(path):
    """The requests of a file, one after the other: head and body, lines ended as HTTP wants it."""
    with gzip.open(path, "rb") as file:
        text = file.read().replace(b"\r\n", b"\n")
    for request in filter(None, (part.strip(b"\n") for part in REQUEST.split(text))):
        head, _, body = request.partition(b"\n\n")
        yield head, body.strip(b"\n")


def as_in_the_table(head, body, times):
    """(method, text) as `requests.csv` has it."""
    method, url = head.split(b"\n")[0].split(b" ")[:2]
    whole = url + (b"?" + body if body else b"")
    for _ in range(times):
        whole = urllib.parse.unquote_to_bytes(whole)
    text = whole.decode("utf-8", "replace").lower().replace("\r", "\\r")
    return method.decode(), text


def wire(head, body):
    """As it is sent: the length of the body is what it is here, and the connection is closed afterwards."""
    lines = [line for line in head.split(b"\n") if not line.lower().startswith((b"content-length:", b"connection:"))]
    lines.append(b"Connection: close")
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def ours(path):
    """For each seed: row of `requests.csv` -> (score, flagged by a rule)."""
    seeds = {}
    with open(path, newline="") as file:
        for line in csv.DictReader(file):
            seeds.setdefault(line["seed"], {})[int(line["row"])] = (float(line["chance"]), line["rules"] == "1")
    return seeds


def compared(data, rows):
    """Raw requests that are among these rows of the table: row -> (request, label)."""
    places = {}
    with gzip.open(f"{data}/csic2010/requests.csv.gz", "rt", newline="") as file:
        for row, line in enumerate(csv.DictReader(file)):
            if row in rows:
                places[line["request"], line["label"]] = row
    found, all_of = {}, {"0": 0, "1": 0}
    for name, label in (("normal", "0"), ("anomalous", "1")):
        for head, body in raw_requests(f"{data}/csic2010/raw-sample-{name}.txt.gz"):
            all_of[label] += 1
            for times in (1, 2):
                row = places.get((as_in_the_table(head, body, times)[1], label))
                if row is not None:
                    found.setdefault(row, (wire(head, body), label == "1"))
                    break
    print(f"{all_of['0']} ordinary and {all_of['1']} anomalous raw requests")
    return found


def asked(request):
    """The anomaly score of one request."""
    with socket.create_connection((HOST, PORT), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    for line in answer.split(b"\r\n\r\n")[0].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == HEADER.encode():
            return int(value)
    # What Apache itself refuses before any rule is asked counts as found.
    return 10**6


def scored(level, requests):
    """Each request's anomaly score at a paranoia level, by an Apache that lives as long as this."""
    folder = tempfile.mkdtemp(prefix="modsecurity-")
    try:
        for name in ("www", "data"):
            os.mkdir(f"{folder}/{name}")
            os.chmod(f"{folder}/{name}", 0o777)
        os.chmod(folder, 0o755)
        with open(f"{folder}/apache.conf", "w") as file:
            file.write(
                CONFIGURATION.format(
                    dir=folder,
                    host=HOST,
                    port=PORT,
                    modules=MODULES,
                    rules=RULES,
                    removed=REMOVED,
                    level=level,
                    header=HEADER,
                )
            )
        server = subprocess.Popen(["/usr/sbin/apache2", "-X", "-f", f"{folder}/apache.conf"])
        try:
            for _ in range(100):
                try:
                    socket.create_connection((HOST, PORT), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            return {row: asked(request) for row, (request, _) in requests.items()}
        finally:
            server.terminate()
            server.wait()
    finally:
        shutil.rmtree(folder)


def recall_at(found, scores, alarms):
    """The share of the attacks above the threshold that lets at most so many ordinary requests through it."""
    ordinary = sorted((scores[row] for row, (_, label) in found.items() if not label), reverse=True)
    limit = ordinary[alarms] if alarms < len(ordinary) else float("-inf")
    attacks = [scores[row] for row, (_, label) in found.items() if label]
    return sum(score > limit for score in attacks) / len(attacks)


def main(data, scores):
    seeds = ours(scores)
    rows = set(next(iter(seeds.values())))
    found = compared(data, rows)
    attacks = sum(label for _, label in found.values())
    ordinary = len(found) - attacks
    print(f"compared: {ordinary} ordinary and {attacks} attacks of {len(rows)} test rows")
    for seed, own in seeds.items():
        flagged = [label for row, (_, label) in found.items() if own[row][1]]
        print(
            f"rules of seed {seed}: recall {sum(flagged) / attacks:.3f},"
            f" false alarms {len(flagged) - sum(flagged)} ({(len(flagged) - sum(flagged)) / ordinary:.2%})"
        )
    models = [{row: score for row, (score, _) in own.items()} for own in seeds.values()]
    for level in LEVELS:
        theirs = scored(level, found)
        before = None
        for threshold in sorted(set(theirs.values()) - {0}):
            hits = sum(theirs[row] >= threshold for row, (_, label) in found.items() if label)
            alarms = sum(theirs[row] >= threshold for row, (_, label) in found.items() if not label)
            # Of thresholds with as many false alarms only the lowest, which finds most.
            if alarms == before:
                continue
            before = alarms
            same = [recall_at(found, model, alarms) for model in models]
            print(
                f"paranoia level {level}, score >= {threshold}: recall {hits / attacks:.3f}, false alarms {alarms}"
                f" ({alarms / ordinary:.2%}); ours at as many: {min(same):.3f} to {max(same):.3f}"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
