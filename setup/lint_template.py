"""Translates a SAM template to CloudFormation and lints what comes out.

The short forms of SAM hide mistakes from a linter: a runtime that does not exist, a reference to a
resource that only the translation makes. usage: lint_template.py TEMPLATE
"""

import json
import sys
from pathlib import Path

from translated import REGION, translated  # first: it sets the region, which cfn-lint reads when imported

from cfnlint.api import ManualArgs, lint


def main(path: Path) -> int:
    found = lint(json.dumps(translated(path), indent=2), config=ManualArgs(regions=[REGION]))
    problems = [match for match in found if match.rule.severity != "informational"]
    for problem in problems:
        print(f"{path}, translated: {'/'.join(map(str, problem.path or []))}: {problem}")
    return len(problems) > 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
