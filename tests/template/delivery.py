"""Who leads where: rules, schedules and the queue; what is invoked, tried again and set aside."""

import json
import re

from process import ROOT, check, equal
from stack import FUNCTIONS, NO_VALUE, QUEUE_ARN, listed, logical


def every_function_is_built_from_the_folder_of_its_name(template, _buses):
    serverless = {name: resource for name, resource in template.written["Resources"].items()
                  if resource["Type"] == "AWS::Serverless::Function"}
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/Cargo.toml")}

    equal(sorted(serverless), sorted(map(logical, FUNCTIONS)))
    equal(sorted(folders), FUNCTIONS)
    for name in FUNCTIONS:
        function = serverless[logical(name)]
        equal((name, function["Properties"]["CodeUri"], function["Metadata"]["BuildProperties"]),
              (name, f"functions/{name}", {"Binary": name}))


def every_rule_leads_to_one_function_which_that_rule_and_no_other_may_invoke(template, _buses):
    leads = {(template.named(target["Arn"], "Arn"), rule)
             for rule, properties in template.rules.items() for target in properties["Targets"]}
    permissions = [permission for permission in template.of("AWS::Lambda::Permission").values()
                   if permission["Principal"] == "events.amazonaws.com"]
    may = [(template.named(permission["FunctionName"]), template.named(permission["SourceArn"], "Arn"))
           for permission in permissions]

    equal(len(leads), len(template.rules))
    equal({function for function, _ in leads} - set(template.functions), set())
    equal(sorted(may), sorted(leads))
    equal({permission["Action"] for permission in permissions}, {"lambda:InvokeFunction"})


def the_rules_and_the_archive_listen_to_our_bus_but_for_the_one_on_alarms(template, _buses):
    for name, rule in template.rules.items():
        of = None if name == "NotifyFunctionAlarmChanged" else {"Ref": "Bus"}
        equal((name, rule.get("EventBusName"), rule.get("State", "ENABLED")), (name, of, "ENABLED"))
    (archive,) = template.of("AWS::Events::Archive").values()
    equal((archive["SourceArn"], archive["RetentionDays"]), ({"Fn::GetAtt": ["Bus", "Arn"]}, {"Ref": "ArchiveDays"}))


def what_a_rule_cannot_deliver_goes_to_a_queue_that_takes_it_from_the_rules_alone(template, _buses):
    for rule, properties in template.rules.items():
        for target in properties["Targets"]:
            equal((rule, target["DeadLetterConfig"]), (rule, {"Arn": QUEUE_ARN}))
            check(target["RetryPolicy"].keys() == {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"}, rule)
    (policy,) = template.of("AWS::SQS::QueuePolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]

    equal(policy["Queues"], [{"Ref": "Undelivered"}])
    equal({name: value for name, value in statement.items() if name != "Condition"},
          {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
           "Action": "sqs:SendMessage", "Resource": QUEUE_ARN})
    equal(sorted(template.named(source, "Arn") for source in sources), sorted(template.rules))


def every_schedule_invokes_its_function_with_a_role_that_may_do_that_and_no_more(template, _buses):
    equal({template.named(schedule["Target"]["Arn"], "Arn") for schedule in template.schedules.values()},
          {"SyncFunction", "QciFunction", "WatchdogFunction", "NotifyFunction"})
    for name, schedule in template.schedules.items():
        target = schedule["Target"]
        role = template.named(target["RoleArn"], "Arn")
        assumed = template.resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]

        check(template.named(target["Arn"], "Arn") in template.functions, name)
        equal(schedule.get("State", "ENABLED"), "ENABLED")
        equal(set(json.loads(target["Input"])), {"triggered_by", "event_id", "input"})
        equal(target["DeadLetterConfig"], {"Arn": QUEUE_ARN})
        check(target["RetryPolicy"].keys() == {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"}, name)
        equal([statement["Principal"] for statement in assumed], [{"Service": ["scheduler.amazonaws.com"]}])
        equal(sorted(template.allowed(role), key=str),
              sorted([("lambda:InvokeFunction", target["Arn"]), ("sqs:SendMessage", QUEUE_ARN)], key=str))
        equal(len([other for other in template.schedules.values() if other["Target"]["RoleArn"] == target["RoleArn"]]), 1)


def what_fails_without_anybody_waiting_is_tried_again_and_then_set_aside(template, _buses):
    equal(template.asynchronous(), set(template.functions) - {"AdminFunction"})
    configs = {template.named(config["FunctionName"]): config
               for config in template.of("AWS::Lambda::EventInvokeConfig").values()}

    equal(set(configs), template.asynchronous())
    for name, config in configs.items():
        equal(config["DestinationConfig"], {"OnFailure": {"Destination": QUEUE_ARN}})
        equal((name, config["MaximumRetryAttempts"]), (name, 2))
        check(config["MaximumEventAgeInSeconds"] > 0, name)


def what_was_set_aside_is_read_by_notify_one_message_not_holding_up_another(template, _buses):
    (mapping,) = template.of("AWS::Lambda::EventSourceMapping").values()
    ((queue, properties),) = template.of("AWS::SQS::Queue").items()
    function = template.named(mapping["FunctionName"])

    equal((function, template.named(mapping["EventSourceArn"], "Arn")), ("NotifyFunction", queue))
    equal((mapping["BatchSize"], mapping["FunctionResponseTypes"]), (10, ["ReportBatchItemFailures"]))
    equal((mapping.get("Enabled", True), mapping["ScalingConfig"]), (True, {"MaximumConcurrency": 2}))
    # Lambda's own advice; below the time limit itself it refuses the mapping.
    check(properties["VisibilityTimeout"] >= 6 * template.functions[function]["Timeout"], properties)
    equal((properties["MessageRetentionPeriod"], properties["SqsManagedSseEnabled"]), (14 * 86400, True))


def the_pages_stream_their_answers_behind_a_url_that_anybody_may_ask(template, _buses):
    ((name, url),) = template.of("AWS::Lambda::Url").items()
    public = [permission for permission in template.of("AWS::Lambda::Permission").values()
              if permission["Principal"] == "*"]
    function = {"FunctionName": {"Ref": "AdminFunction"}, "Principal": "*"}

    equal(url, {"TargetFunctionArn": {"Ref": "AdminFunction"}, "AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"})
    # Lambda asks for both of these since October 2025. The second does not let anybody in past the URL.
    equal(sorted(public, key=str), sorted([
        {"Action": "lambda:InvokeFunctionUrl", **function, "FunctionUrlAuthType": "NONE"},
        {"Action": "lambda:InvokeFunction", **function, "InvokedViaFunctionUrl": True},
    ], key=str))
    of_pages = [name for name in template.resources if name.startswith("Admin")]
    equal([name for name in of_pages if template.condition(name) != "WithPages"], [])
    equal(template.whole["Outputs"]["PagesUrl"]["Value"], {"Fn::GetAtt": [name, "FunctionUrl"]})
    equal(template.environment("NotifyFunction")["PAGES_URL"],
          {"Fn::If": ["WithPages", {"Fn::GetAtt": [name, "FunctionUrl"]}, ""]})


def the_newest_migration_is_applied_before_any_function_is_changed(template, _buses):
    ((name, custom),) = template.of("AWS::CloudFormation::CustomResource").items()
    numbers = [int(re.match(r"V(\d+)__", path.name)[1]) for path in (ROOT / "migrations").glob("V*.sql")]

    equal(custom["Newest"], f"V{max(numbers)}")
    equal(template.named(custom["ServiceToken"], "Arn"), "MigrateFunction")
    check(int(custom["ServiceTimeout"]) > template.functions["MigrateFunction"]["Timeout"], custom)
    for function in set(template.functions) - {"MigrateFunction"}:
        equal((function, listed(template.resources[function].get("DependsOn"))), (function, [name]))


def the_watchdog_expects_what_is_scheduled_and_looks_often_enough(template, _buses):
    schedules = {template.named(schedule["Target"]["Arn"], "Arn"): schedule for schedule in template.schedules.values()}
    expects = template.environment("WatchdogFunction")

    equal(expects["SYNC_SCHEDULE"], schedules["SyncFunction"]["ScheduleExpression"])
    equal(expects["QCI_SCHEDULE"], schedules["QciFunction"]["ScheduleExpression"])
    equal((schedules["WatchdogFunction"]["ScheduleExpression"], schedules["WatchdogFunction"]["FlexibleTimeWindow"]),
          ("rate(15 minutes)", {"Mode": "OFF"}))
    equal(schedules["NotifyFunction"]["ScheduleExpression"], "rate(1 hour)")


def concurrency_is_reserved_only_where_a_number_is_given(template, _buses):
    for name, parameter in [("SyncFunction", "ReservedConcurrency"), ("QciFunction", "ReservedConcurrency"),
                            ("AdminFunction", "AdminConcurrency")]:
        condition = f"With{parameter}"
        equal(template.functions[name]["ReservedConcurrentExecutions"],
              {"Fn::If": [condition, {"Ref": parameter}, NO_VALUE]})
        equal(template.whole["Conditions"][condition], {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, 0]}]})
        equal(template.whole["Parameters"][parameter]["Default"], 0)
