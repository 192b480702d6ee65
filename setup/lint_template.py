"""Translates a SAM template to CloudFormation and lints what comes out.

The short forms of SAM hide mistakes from a linter: a runtime that does not exist, a reference to a
resource that only the translation makes. usage: lint_template.py TEMPLATE
"""

import json
import os
import sys
from pathlib import Path

REGION = "eu-west-1"
os.environ.setdefault("AWS_DEFAULT_REGION", REGION)

from cfnlint.api import ManualArgs, lint  # noqa: E402  (reads the region when imported)
from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


class ManagedPolicies:
    """In place of the list that the translator would ask an AWS account for."""

    def load(self) -> dict[str, str]:
        return {}


def as_packaged(template: dict) -> dict:
    """What the template is once `sam package` has uploaded the code."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/function.zip"
            resource.pop("Metadata", None)
    return template


def main(path: Path) -> int:
    template = as_packaged(yaml_parse(path.read_text()))
    translated = transform(template, {}, ManagedPolicies())
    found = lint(json.dumps(translated, indent=2), config=ManualArgs(regions=[REGION]))
    problems = [match for match in found if match.rule.severity != "informational"]
    for problem in problems:
        print(f"{path}, translated: {'/'.join(map(str, problem.path or []))}: {problem}")
    return len(problems) > 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
