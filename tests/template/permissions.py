"""Who may do what: what policies say, held against what the code and the Lambda service do."""

from calls import by_function, dependencies
from process import check, equal
from stack import FUNCTIONS, NO_VALUE, QUEUE_ARN, listed, logical, where

SECRET, BUS = {"Ref": "SecretArn"}, {"Fn::GetAtt": ["Bus", "Arn"]}
WRITE_LOG = ["logs:CreateLogStream", "logs:PutLogEvents"]
TAKE_MESSAGES = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
ATTACH = ["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"]
TRACE = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]

READ = {"secretsmanager:GetSecretValue": SECRET}
PUBLISH = {"events:DescribeEventBus": BUS, "events:PutEvents": BUS}
SET_ASIDE = {"sqs:SendMessage": QUEUE_ARN}
SEND_EMAIL = {"Fn::Sub": "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/${AlertEmailIdentity}"}

# What each function may do, and to what; beside that, only to write its own log.
MAY = {
    "SyncFunction": READ | PUBLISH | SET_ASIDE,
    "QciFunction": READ | PUBLISH | SET_ASIDE,
    "WatchdogFunction": READ | PUBLISH | SET_ASIDE,
    "MigrateFunction": READ | SET_ASIDE,
    "NotifyFunction": READ | SET_ASIDE | dict.fromkeys(TAKE_MESSAGES, QUEUE_ARN) | {"ses:SendEmail": SEND_EMAIL},
    "AdminFunction": READ | PUBLISH,
}


def every_function_may_do_what_it_needs_and_nothing_else(template, _buses):
    equal(set(template.functions), set(MAY))
    roles = {name: template.named(function["Role"], "Arn") for name, function in template.functions.items()}
    equal(len(set(roles.values())), len(roles))
    for name, role in roles.items():
        properties = template.resources[role]["Properties"]
        (assumed,) = properties["AssumeRolePolicyDocument"]["Statement"]
        log = {"Fn::GetAtt": [template.named(template.functions[name]["LoggingConfig"]["LogGroup"]), "Arn"]}

        equal(sorted(template.allowed(role), key=str),
              sorted((MAY[name] | dict.fromkeys(WRITE_LOG, log)).items(), key=str))
        equal(assumed["Principal"], {"Service": "lambda.amazonaws.com"})
        equal(properties["ManagedPolicyArns"], [{"Fn::If": ["WithNetwork", {"Ref": "NetworkPolicy"}, NO_VALUE]},
                                                {"Fn::If": ["WithTracing", {"Ref": "TracingPolicy"}, NO_VALUE]}])
        equal(template.condition(role), template.condition(name))


def every_action_is_one_that_the_code_calls_or_that_lambda_does_with_the_role(template, _buses):
    called = by_function()
    for name in FUNCTIONS:
        role = template.named(template.functions[logical(name)]["Role"], "Arn")
        policies = [template.named(where(policy)[1]) for policy in template.resources[role]["Properties"]["ManagedPolicyArns"]]
        may = {action for of in [role, *policies] for action, _ in template.allowed(of)}
        does = {action: f"called in {', '.join(sorted(paths))}" for action, paths in called[name].items()}
        does |= done_by_lambda(template, logical(name))

        for action in sorted(does.keys() - may):
            check(False, f"{role} does not allow {action}: {does[action]}")
        for action in sorted(may - does.keys()):
            check(False, f"{role} allows {action}, and nothing in functions/{name} or of Lambda's does it")


def nothing_calls_aws_beside_the_functions_and_what_they_share(_template, _buses):
    # It would need a role or a user that the template does not have.
    for folder in ["local", "local/simulator"]:
        equal((folder, dependencies(folder)), (folder, []))


def no_action_is_a_wildcard_and_only_network_and_tracing_need_every_resource(template, _buses):
    everywhere = {}
    for name, _, statement in template.statements():
        actions, resources = listed(statement["Action"]), listed(statement["Resource"])
        check(not any("*" in action for action in actions), f"{name}: {actions}")
        check("NotAction" not in statement and "NotResource" not in statement, f"{name}: {statement}")
        if any("*" in str(resource) for resource in resources):
            everywhere[name] = statement

    equal({name: (template.condition(name), sorted(statement["Action"])) for name, statement in everywhere.items()},
          {"NetworkPolicy": ("WithNetwork", ATTACH), "TracingPolicy": ("WithTracing", TRACE)})
    here = {"StringEquals": {"aws:RequestedRegion": {"Ref": "AWS::Region"}}}
    equal(everywhere["TracingPolicy"]["Condition"], here)
    equal(everywhere["NetworkPolicy"]["Condition"], here | {"Null": {"lambda:SourceFunctionArn": "true"}})


def e_mail_may_be_sent_only_where_it_is_set_up_and_only_from_its_address(template, _buses):
    conditional = [(name, condition, statement) for name, condition, statement in template.statements() if condition]
    ((name, condition, statement),) = conditional

    equal((name, condition, statement["Action"]), ("NotifyRole", "WithEmail", "ses:SendEmail"))
    equal(statement["Condition"], {"StringEquals": {"ses:FromAddress": {"Ref": "AlertEmailFrom"}}})


def network_and_tracing_are_off_until_they_are_asked_for(template, _buses):
    for name, function in template.functions.items():
        equal((name, function["VpcConfig"]),
              (name, {"Fn::If": ["WithNetwork", {"SubnetIds": {"Ref": "SubnetIds"},
                                                 "SecurityGroupIds": {"Ref": "SecurityGroupIds"}}, NO_VALUE]}))
        equal((name, function["TracingConfig"]), (name, {"Mode": {"Fn::If": ["WithTracing", "Active", "PassThrough"]}}))
    equal(template.whole["Conditions"]["WithTracing"], {"Fn::Equals": [{"Ref": "Tracing"}, "true"]})
    parameters = template.whole["Parameters"]
    equal((parameters["Tracing"]["Default"], parameters["SubnetIds"]["Default"]), ("false", ""))


def every_function_writes_to_a_log_group_of_its_own_which_forgets(template, _buses):
    groups = template.of("AWS::Logs::LogGroup")
    for name, function in template.functions.items():
        group = template.named(function["LoggingConfig"]["LogGroup"])

        equal(groups.pop(group)["RetentionInDays"], {"Ref": "LogRetentionDays"})
        equal(function["LoggingConfig"]["LogFormat"], "JSON")
        equal(template.condition(group), template.condition(name))
    equal(groups, {})


def done_by_lambda(template, function):
    """What the Lambda service does with a function's role, and why."""
    properties = template.functions[function]
    done = dict.fromkeys(WRITE_LOG, "for its LoggingConfig") if "LoggingConfig" in properties else {}
    if "VpcConfig" in properties:
        done |= dict.fromkeys(ATTACH, "for its VpcConfig")
    if "TracingConfig" in properties:
        done |= dict.fromkeys(TRACE, "for its TracingConfig")
    for config in template.of("AWS::Lambda::EventInvokeConfig").values():
        if template.named(config["FunctionName"]) == function and "OnFailure" in config["DestinationConfig"]:
            done["sqs:SendMessage"] = "for its OnFailure"
    for mapping in template.of("AWS::Lambda::EventSourceMapping").values():
        if template.named(mapping["FunctionName"]) == function:
            done |= dict.fromkeys(TAKE_MESSAGES, "for its event source mapping")
    return done
