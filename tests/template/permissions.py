"""Who may do what, and to what: roles, the policies that conditions attach, and log groups."""

from stack import NO_VALUE, QUEUE_ARN, check, equal, listed

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
