"""A SAM template as CloudFormation: what its short forms come to."""

import os
from pathlib import Path

REGION = "eu-west-1"
os.environ.setdefault("AWS_DEFAULT_REGION", REGION)

from samtranslator.translator.transform import transform  # noqa: E402  (reads the region when imported)
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


class ManagedPolicies:
    """In place of the list that the translator would ask an AWS account for."""

    def load(self) -> dict[str, str]:
        return {}


def translated(path: Path) -> dict:
    return transform(as_packaged(yaml_parse(path.read_text())), {}, ManagedPolicies())


def as_packaged(template: dict) -> dict:
    """What the template is once `sam package` has uploaded the code."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/function.zip"
            resource.pop("Metadata", None)
    return template
