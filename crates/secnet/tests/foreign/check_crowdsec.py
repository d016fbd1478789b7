"""Have CrowdSec itself read a scenario that `secnet rules export --as crowdsec` wrote.

    check_crowdsec.py CROWDSEC SCENARIO

CROWDSEC is the program `crowdsec` (Debian's package `crowdsec`). It loads the scenario in a configuration of its own and only checks it
(`-t`): nothing is watched, and no server is called. Exits 0 if it takes the scenario, and refuses the same with a misspelt function.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

CONFIG = """
common: {{daemonize: false, log_media: stdout, log_level: info}}
config_paths:
  config_dir: {0}/
  data_dir: {0}/data/
  simulation_path: {0}/simulation.yaml
  hub_dir: {0}/hub/
  index_path: {0}/hub/.index.json
crowdsec_service: {{acquisition_path: {0}/acquis.yaml, parser_routines: 1}}
db_config: {{type: sqlite, db_path: {0}/data/crowdsec.db}}
api:
  client: {{credentials_path: {0}/credentials.yaml}}
  server: {{enable: false}}
cscli: {{output: human}}
prometheus: {{enabled: false}}
"""
FILES = {
    "simulation.yaml": "simulation: false\n",
    "hub/.index.json": '{"parsers":{},"scenarios":{},"postoverflows":{},"collections":{}}\n',
    "acquis.yaml": "filenames: [{0}/none.log]\nlabels: {{type: nginx}}\n",
    "credentials.yaml": "url: http://127.0.0.1:9/\nlogin: nobody\npassword: none\n",
    "none.log": "",
}


def check(crowdsec: str, scenario: str) -> tuple[bool, str]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("data", "hub", "patterns", "parsers/s01-parse", "scenarios", "postoverflows"):
            (root / name).mkdir(parents=True)
        (root / "config.yaml").write_text(CONFIG.format(folder))
        for name, text in FILES.items():
            (root / name).write_text(text.format(folder) if "{0}" in text else text)
        (root / "scenarios" / "secnet.yaml").write_text(scenario)
        command = [crowdsec, "-c", str(root / "config.yaml"), "-no-api", "-t"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        said = run.stdout + run.stderr
        return run.returncode == 0 and "Loaded 1 scenarios" in said, said


def main() -> int:
    crowdsec, file = sys.argv[1:]
    scenario = Path(file).read_text()
    taken, said = check(crowdsec, scenario)
    if not taken:
        print(said, file=sys.stderr)
        print("CrowdSec does not take the scenario", file=sys.stderr)
        return 1
    broken = scenario.replace("IpInRange", "IpInRang")
    if broken == scenario or check(crowdsec, broken)[0]:
        print("a misspelt function was taken too: this checks nothing", file=sys.stderr)
        return 1
    print("CrowdSec takes the scenario")
    return 0


if __name__ == "__main__":
    sys.exit(main())
