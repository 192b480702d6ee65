"""What may be set: parameters, what becomes of them, and whether the code reads what a function is given."""

import json
import re

from process import ROOT, check, equal
from stack import FUNCTIONS, logical, sources

GIVEN_TO_ALL = {"CALLMARK_SECRET_ARN": {"Ref": "SecretArn"}, "CALLMARK_STACK": {"Ref": "AWS::StackName"},
                "RUST_LOG": {"Ref": "RustLog"}}
EMAIL = ["AlertEmailFrom", "AlertEmailTo", "AlertEmailIdentity"]

# What each pattern takes and refuses.
WRITTEN = {
    "AlertEmailFrom": (["", "callmark@example.com"], ["ada", "Callmark <callmark@example.com>", "a@example.com,b@example.com"]),
    "AlertEmailTo": (["", "ada@example.com", "ada@example.com, bo@example.com"], ["ada", "ada@example.com,", "a@b.c d@e.f"]),
    # A wildcard here would be one in the policy.
    "AlertEmailIdentity": (["", "example.com", "callmark@example.com"], ["*", "*.example.com", "example.com/x", "a b"]),
    "AlarmTopicArn": (["", "arn:aws:sns:eu-west-1:123456789012:alarms"], ["alarms", "arn:aws:sns:eu-west-1:123456789012:*"]),
}


def every_parameter_is_in_a_group_has_a_label_says_what_it_is_and_is_used(template, _buses):
    parameters = set(template.whole["Parameters"])
    interface = template.whole["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = {group["Label"]["default"]: group["Parameters"] for group in interface["ParameterGroups"]}
    # A condition that no resource has makes no difference.
    resources = json.dumps(template.resources)
    used = references(template.resources).union(*(
        references(condition) for name, condition in template.whole["Conditions"].items() if f'"{name}"' in resources))

    equal(sorted(name for group in grouped.values() for name in group), sorted(parameters))
    equal(set(interface["ParameterLabels"]), parameters)
    equal(grouped["Alerts"], EMAIL)
    equal(parameters - used, set())
    for name, parameter in template.whole["Parameters"].items():
        check(parameter.get("Description"), name)
        equal((name, "Default" in parameter), (name, name != "SecretArn"))


def a_pattern_takes_what_it_should_and_nothing_else(template, _buses):
    for name, (good, bad) in WRITTEN.items():
        pattern = template.whole["Parameters"][name]["AllowedPattern"]
        equal((name, [text for text in good if not re.fullmatch(pattern, text)]), (name, []))
        equal((name, [text for text in bad if re.fullmatch(pattern, text)]), (name, []))


def e_mail_is_set_up_as_a_whole_or_not_at_all(template, _buses):
    ((_, rule),) = template.whole["Rules"].items()
    (assertion,) = rule["Assertions"]
    for case in range(8):
        given = {name: "x" if case >> place & 1 else "" for place, name in enumerate(EMAIL)}
        equal((given, holds(assertion["Assert"], given)), (given, len(set(given.values())) == 1))
        if holds(assertion["Assert"], given):
            equal(holds(template.whole["Conditions"]["WithEmail"], given), all(given.values()))
    check(all(name in assertion["AssertDescription"] for name in EMAIL), assertion)


def every_function_is_given_its_secret_its_stack_and_its_filter_and_the_same_as_others(template, _buses):
    given = {name: template.environment(name) for name in template.functions}
    for name, variables in given.items():
        equal((name, {key: variables.get(key) for key in GIVEN_TO_ALL}), (name, GIVEN_TO_ALL))
        equal((name, variables.get("EVENT_BUS_NAME")),
              (name, None if name in ["MigrateFunction", "NotifyFunction"] else {"Ref": "Bus"}))
    equal({variables["VAPI_RETENTION_DAYS"]["Ref"] for variables in given.values() if "VAPI_RETENTION_DAYS" in variables},
          {"RetentionDays"})
    equal([given["NotifyFunction"][name] for name in ["ALERT_EMAIL_FROM", "ALERT_EMAIL_TO"]],
          [{"Ref": "AlertEmailFrom"}, {"Ref": "AlertEmailTo"}])


def every_function_reads_what_it_is_given(template, _buses):
    shared = "\n".join(text for _, text in sources("shared/src"))
    sections = by_section()
    for name in FUNCTIONS:
        own = "\n".join(text for _, text in sources(f"functions/{name}/src"))
        read = literals(own).union(*(sections[section] for section in re.findall(r"\breader\.(\w+)\(", own)
                                     if section in sections))
        for variable in template.environment(logical(name)):
            if variable == "RUST_LOG":
                check("EnvFilter::try_from_default_env" in shared, "nothing reads RUST_LOG")
            elif variable in GIVEN_TO_ALL:
                check(f'"{variable}"' in shared, f"nothing reads {variable}")
            else:
                check(variable in read, f"{name} is given {variable}, which it does not read")


def every_output_is_of_something_that_is_there_when_it_is(template, _buses):
    for name, output in template.whole["Outputs"].items():
        value = output["Value"]
        of = template.named(value, value["Fn::GetAtt"][1] if "Fn::GetAtt" in value else None)

        equal((name, output.get("Condition")), (name, template.condition(of)))
        check(output["Description"], name)


def both_stacks_of_samconfig_set_parameters_that_exist_and_wait_for_a_secret(template, _buses):
    parameters = template.whole["Parameters"]
    text = (ROOT / "samconfig.toml").read_text()
    stacks = {name: dict(re.findall(r'^ +"(\w+)=(.*)",$', part, re.MULTILINE))
              for name, part in re.findall(r"^\[(\w+)\.deploy\.parameters\]\n((?:(?!\[\w+\.).*\n?)*)", text, re.MULTILINE)}

    equal(set(stacks), {"dev", "prod"})
    for name, overrides in stacks.items():
        equal((name, overrides.pop("SecretArn")), (name, "REPLACE-ME"))
        for parameter, value in overrides.items():
            allowed = parameters[parameter].get("AllowedValues")
            check(allowed is None or value in map(str, allowed), f"{name}: {parameter}={value}")
    check(not re.match(parameters["SecretArn"]["AllowedPattern"], "REPLACE-ME"), "a stack without a secret")


def references(value):
    """The names that a part of the template refers to."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if isinstance(value, dict):
        own = {value["Ref"]} if "Ref" in value else set(re.findall(r"\${(\w+)}", str(value.get("Fn::Sub", ""))))
        return own.union(*map(references, value.values()))
    return set()


def holds(expression, given):
    """Whether a condition holds where the parameters are these."""
    ((operator, operands),) = expression.items()
    if operator == "Fn::Equals":
        left, right = (given[operand["Ref"]] if isinstance(operand, dict) else operand for operand in operands)
        return left == right
    values = [holds(operand, given) for operand in operands]
    return {"Fn::And": all(values), "Fn::Or": any(values), "Fn::Not": not values[0]}[operator]


def by_section():
    """The settings that each section of shared::config reads, with those of the sections that it reads itself."""
    config = "\n".join(text for _, text in sources("shared/src") if _.startswith("shared/src/platform/config"))
    bodies = dict(re.findall(r"\n    (?:pub )?(?:async )?fn (\w+)(.*?)\n    }\n", config, re.DOTALL))
    inner = {name: set(re.findall(r"\bself\.(\w+)\(", body)) & bodies.keys() for name, body in bodies.items()}
    return {name: set().union(*(literals(bodies[section]) for section in {name} | inner[name])) for name in bodies}


def literals(text):
    return set(re.findall(r'"([A-Z][A-Z0-9_]{3,})"', text))
