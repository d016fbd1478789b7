#!/usr/bin/env python3
"""Select the sample patients out of a Synthea R4 data set.

    select.py SOURCE OUT

SOURCE has `bulk/<Type>.ndjson.gz` (one resource a line, references as `Type/id`) and
`bundles-original.tar.gz` (transaction Bundles as Synthea wrote them). OUT gets
`patients/<id>.ndjson`, `organizations.ndjson` and `bundles/<id>.json`. Lines and Bundles are copied
byte for byte. Prints one line a patient, and every reference that leads nowhere; exits with 1 if
there is one.
"""

import gzip
import json
import sys
import tarfile
from collections import Counter
from pathlib import Path

PATIENTS = [
    "acc12451-",  # diabetes, pregnancy, HIV test, depression screening; accents in the name
    "fe0153b2-",  # alcoholism, prediabetes, many laboratory results
    "8adf7251-",  # major depression, prediabetes
    "d92a3a52-",  # opioid abuse, early Alzheimer's disease, deceased
    "9e2f7a3b-",  # HIV status and abuse status recorded, heart attack, deceased
    "272539c2-",  # a child with attention deficit disorder and allergies
    "d070e7dd-",  # an infant
    "d483a480-",  # diabetes with neuropathy, nothing sensitive
    "b4a36fff-",  # diabetes, cardiac arrest
    "9e691882-",  # pregnancies, tubal pregnancy; accents in the name
    "a9fb0d0f-",  # Alzheimer's disease, heart failure, deceased; accents in the name
    "0b779465-",  # drug overdose
]
PROVIDERS = ("Organization", "Practitioner")
MAX_PATIENT_BYTES = 400_000


def lines(source):
    """Every resource as (bytes of its line, parsed)."""
    for path in sorted((source / "bulk").glob("*.ndjson.gz")):
        with gzip.open(path) as file:
            for line in file:
                line = line.rstrip(b"\r\n")
                if line:
                    yield line, json.loads(line)


def references(value):
    """Every `reference` in a resource."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for element in value:
            yield from references(element)


def patient_of(resource):
    if resource["resourceType"] == "Patient":
        return resource["id"]
    subject = resource.get("subject") or resource.get("patient") or {}
    return subject.get("reference", "").removeprefix("Patient/")


def is_laboratory(resource):
    return resource["resourceType"] == "Observation" and any(
        coding.get("code") == "laboratory"
        for category in resource.get("category", [])
        for coding in category.get("coding", [])
    )


def describe(patient_id, resources):
    patient = next(r for r in resources if r["resourceType"] == "Patient")
    name = patient["name"][0]
    kinds = Counter(r["resourceType"] for r in resources)
    conditions = {r["code"]["text"] for r in resources if r["resourceType"] == "Condition"}
    print(
        patient_id,
        " ".join(name["given"] + [name["family"]]),
        patient["gender"],
        "born " + patient["birthDate"],
        "died " + patient["deceasedDateTime"][:10] if "deceasedDateTime" in patient else "alive",
        f"{len(resources)} resources",
        f"{sum(map(is_laboratory, resources))} laboratory results",
        "; ".join(sorted(conditions)),
        ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())),
        sep=" | ",
    )


def main(source, out):
    selected = {prefix: [] for prefix in PATIENTS}
    providers = {}
    for line, resource in lines(source):
        if resource["resourceType"] in PROVIDERS:
            providers[f"{resource['resourceType']}/{resource['id']}"] = (line, resource)
            continue
        owner = patient_of(resource)
        for prefix, found in selected.items():
            if owner.startswith(prefix):
                found.append((line, resource))

    (out / "patients").mkdir(parents=True, exist_ok=True)
    (out / "bundles").mkdir(parents=True, exist_ok=True)
    dangling = 0
    needed = set()
    for prefix, found in selected.items():
        # The patient first: a reader that streams then knows whose records follow.
        found.sort(key=lambda pair: pair[1]["resourceType"] != "Patient")
        patient_id = found[0][1]["id"]
        text = b"".join(line + b"\n" for line, _ in found)
        if len(text) > MAX_PATIENT_BYTES:
            sys.exit(f"{patient_id}: {len(text)} bytes are too many")
        (out / "patients" / f"{patient_id}.ndjson").write_bytes(text)
        describe(patient_id, [resource for _, resource in found])
        known = {f"{r['resourceType']}/{r['id']}" for _, r in found}
        for reference in sorted({x for _, r in found for x in references(r)} - known):
            if reference in providers:
                needed.add(reference)
            else:
                dangling += 1
                print(f"  leads nowhere: {reference}")
    text = b"".join(providers[reference][0] + b"\n" for reference in sorted(needed))
    (out / "organizations.ndjson").write_bytes(text)
    print(f"{len(needed)} organisations and practitioners")

    with tarfile.open(source / "bundles-original.tar.gz") as archive:
        members = [member for member in archive.getmembers() if member.name.endswith(".json")]
        smallest = min(members, key=lambda member: (member.size, member.name))
        bundle = archive.extractfile(smallest).read()
        (out / "bundles" / Path(smallest.name).name).write_bytes(bundle)
        resources = [entry["resource"] for entry in json.loads(bundle)["entry"]]
        print("bundle", end=" ")
        describe(Path(smallest.name).stem, resources)
    return 1 if dangling else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
