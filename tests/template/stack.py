"""The template as CloudFormation gets it."""

import sys

from process import ROOT, check, equal

sys.path.insert(0, str(ROOT / "setup"))

from samtranslator.yaml_helper import yaml_parse  # noqa: E402
from translated import REGION, translated  # noqa: E402, F401

STACK = "callmark"
FUNCTIONS = ["admin", "migrate", "notify", "qci", "sync", "watchdog"]

QUEUE_ARN = {"Fn::GetAtt": ["Undelivered", "Arn"]}
NO_VALUE = {"Ref": "AWS::NoValue"}


class Template:
    """The template as CloudFormation gets it."""

    def __init__(self):
        self.whole = translated(ROOT / "template.yaml")
        self.written = yaml_parse((ROOT / "template.yaml").read_text())
        self.resources = self.whole["Resources"]
        self.functions = self.of("AWS::Lambda::Function")
        self.rules = self.of("AWS::Events::Rule")
        self.schedules = self.of("AWS::Scheduler::Schedule")
        self.alarms = self.of("AWS::CloudWatch::Alarm")

    def of(self, kind):
        """The properties of all resources of a type, by name."""
        return {name: resource["Properties"] for name, resource in self.resources.items() if resource["Type"] == kind}

    def condition(self, name):
        return self.resources[name].get("Condition")

    def named(self, reference, attribute=None):
        """The name of the resource that is referred to: by `Ref`, or by this attribute."""
        name = reference.get("Ref") if attribute is None else reference.get("Fn::GetAtt", [None, None])[0]
        equal(reference, {"Ref": name} if attribute is None else {"Fn::GetAtt": [name, attribute]})
        check(name in self.resources, f"there is no {name}")
        return name

    def statements(self):
        """Every statement on what some role may do: the resource that it is in, the condition that it is there on."""
        for name, resource in self.resources.items():
            inline = [policy["PolicyDocument"] for policy in resource["Properties"].get("Policies", [])]
            attached = resource["Properties"].get("PolicyDocument")
            for document in inline + ([attached] if attached else []):
                for statement in document["Statement"]:
                    condition, statement = where(statement)
                    yield name, condition, statement

    def allowed(self, role):
        """What a role may do by its own policies: actions and what with, as a list."""
        return [(action, statement["Resource"]) for name, _, statement in self.statements() if name == role
                for action in listed(statement["Action"])]

    def environment(self, function):
        return self.functions[function]["Environment"]["Variables"]

    def asynchronous(self):
        """The functions that something invokes without waiting."""
        targets = [target["Arn"] for rule in self.rules.values() for target in rule["Targets"]]
        targets += [schedule["Target"]["Arn"] for schedule in self.schedules.values()]
        targets += [resource["ServiceToken"] for resource in self.of("AWS::CloudFormation::CustomResource").values()]
        return {self.named(target, "Arn") for target in targets}


def where(value):
    """What a value comes to where it is there at all, and the condition for that."""
    if isinstance(value, dict) and "Fn::If" in value:
        condition, there, otherwise = value["Fn::If"]
        equal(otherwise, NO_VALUE)
        return condition, there
    return None, value


def resolved(value):
    """A value with the stack's name put in."""
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if isinstance(value, dict) and "Fn::Sub" in value:
        return value["Fn::Sub"].replace("${AWS::StackName}", STACK)
    if isinstance(value, dict):
        return {name: resolved(item) for name, item in value.items()}
    return value


def logical(function):
    """What the template calls a function of functions/."""
    return f"{function.capitalize()}Function"


def sources(folder):
    """The Rust sources in a folder, without comments and without their tests: path and text."""
    for path in sorted((ROOT / folder).rglob("*.rs")):
        text = path.read_text().split("#[cfg(test)]\nmod tests {")[0]
        yield path.relative_to(ROOT).as_posix(), "\n".join(line.split("//")[0] for line in text.splitlines())


def listed(value):
    return value if isinstance(value, list) else [value]
