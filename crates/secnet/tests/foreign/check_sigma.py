"""Sigma rules that `secnet rules export` wrote, read with pySigma: check_sigma.py FILE..."""

import sys

from sigma.collection import SigmaCollection

for file in sys.argv[1:]:
    with open(file, encoding="utf-8") as text:
        rules = SigmaCollection.from_yaml(text.read())
    assert not rules.errors, (file, rules.errors)
    (rule,) = rules.rules
    assert rule.title and rule.id and rule.logsource.product == "secnet", file
    # The condition names searches that there are, and parses.
    for condition in rule.detection.parsed_condition:
        assert condition.parsed is not None, file
    print(f"{file}: {rule.title}")
