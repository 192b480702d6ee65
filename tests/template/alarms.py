"""What rings: each alarm is about something that is there, by a name that nobody else has, and says what to do."""

from process import check, equal
from stack import NO_VALUE, logical, sources

ALARM_TOPIC = {"Fn::If": ["WithAlarmTopic", [{"Ref": "AlarmTopicArn"}], NO_VALUE]}
STACK_NAME = {"Ref": "AWS::StackName"}

# The alarms on notify itself, which it must not be told of.
ON_NOTIFY = {"NotifyErrors", "NotifyThrottles", "NotifyAbsent", "NotificationsFailed", "UndeliveredEvents"}

# The metrics of our own: their dimensions, and where the code says them.
OURS = {
    "RetentionHeadroomHours": ({"Script": "vapi-sync", "Stack": STACK_NAME}, ["functions/sync/src"]),
    "ScoringCostUsd": ({"Script": "qci-analysis", "Stack": STACK_NAME}, ["functions/qci/src"]),
    "EventsUnpublished": ({"Stack": STACK_NAME}, ["shared/src", "functions"]),
    "NotificationsFailed": ({"Stack": STACK_NAME}, ["functions/notify/src"]),
}
# Where scripts have their names, and what they are.
NAMES = "shared/src/domain"
SCRIPTS = ["vapi-sync", "qci-analysis"]

# Of each alarm: statistic, seconds, how many times, when.
WHEN = {
    "…Errors": ("Sum", 300, 1, "GreaterThanOrEqualToThreshold", 1),
    "…Throttles": ("Sum", 300, 1, "GreaterThanOrEqualToThreshold", 1),
    "…Long": ("Maximum", 21600, 2, "GreaterThanThreshold", 90),
    "SyncAbsent": ("SampleCount", 21600, 5, "LessThanThreshold", 1),
    "SyncHeadroom": ("Minimum", 21600, 1, "LessThanThreshold", {"Ref": "AlarmHeadroomHours"}),
    "QciCost": ("Sum", 86400, 1, "GreaterThanThreshold", {"Ref": "AlarmUsdPerDay"}),
    "WatchdogAbsent": ("Sum", 900, 4, "LessThanThreshold", 1),
    "NotifyAbsent": ("Sum", 3600, 3, "LessThanThreshold", 1),
    "EventsUnpublished": ("Sum", 300, 1, "GreaterThanOrEqualToThreshold", 1),
    "NotificationsFailed": ("Sum", 300, 1, "GreaterThanOrEqualToThreshold", 1),
    "UndeliveredEvents": ("Maximum", 300, 3, "GreaterThanOrEqualToThreshold", 1),
}


def every_function_has_an_alarm_on_errors_and_one_on_refusals(template, _buses):
    for metric in ["Errors", "Throttles"]:
        found = sorted(template.named(alarm["Dimensions"][0]["Value"]) for alarm in template.alarms.values()
                       if alarm.get("MetricName") == metric)
        equal((metric, found), (metric, sorted(template.functions)))
    long = [template.named(metric["Dimensions"][0]["Value"]) for alarm in template.alarms.values()
            for metric, _, _ in measured(alarm) if metric["MetricName"] == "Duration"]
    equal(sorted(long), ["QciFunction", "SyncFunction"])


def every_alarm_is_about_something_that_this_stack_has_or_that_its_code_says(template, _buses):
    said = set()
    for name, alarm in template.alarms.items():
        for metric, _, _ in measured(alarm):
            dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
            if metric["Namespace"] == "AWS/Lambda":
                function = template.named(dimensions.pop("FunctionName"))
                equal((name, template.condition(name)), (name, template.condition(function)))
            elif metric["Namespace"] == "AWS/SQS":
                equal(template.named(dimensions.pop("QueueName"), "QueueName"), "Undelivered")
            else:
                expected, folders = OURS[metric["MetricName"]]
                equal((name, metric["Namespace"], dimensions), (name, "Callmark", expected))
                check(in_code(metric["MetricName"], folders), f"{name}: nothing in {folders} says {metric['MetricName']}")
                said.add(metric["MetricName"])
                dimensions = {}
            equal((name, dimensions), (name, {}))
    equal(said, set(OURS))
    for script in SCRIPTS:
        check(in_code(script, [NAMES]), f"no script is called {script} in {NAMES}")


def every_alarm_has_a_name_by_which_notify_knows_those_of_its_stack_and_none_on_itself(template, _buses):
    for name, alarm in template.alarms.items():
        prefix = "callmark-notify" if name in ON_NOTIFY else "callmark"
        equal(alarm["AlarmName"], {"Fn::Sub": f"{prefix}/${{AWS::StackName}}/{name}"})
    about = {name for name, alarm in template.alarms.items() for metric, _, _ in measured(alarm)
             if metric["Dimensions"][0]["Value"] == {"Ref": logical("notify")}}
    equal(about - ON_NOTIFY, set())
    equal(ON_NOTIFY - set(template.alarms), set())


def every_alarm_rings_when_it_is_meant_to(template, _buses):
    kinds = {}
    for name, alarm in template.alarms.items():
        (kind,) = [kind for kind in WHEN if kind == name or kind[0] == "…" and name.endswith(kind[1:])]
        kinds.setdefault(kind, name)
        for _, statistic, period in measured(alarm):
            equal((name, statistic, period, alarm["EvaluationPeriods"], alarm["ComparisonOperator"], alarm["Threshold"]),
                  (name, *WHEN[kind]))
        check("DatapointsToAlarm" not in alarm and alarm.get("ActionsEnabled", True), name)
    equal(set(kinds), set(WHEN))


def what_stays_undelivered_rings_however_often_it_was_tried(template, _buses):
    *parts, whole = template.alarms["UndeliveredEvents"]["Metrics"]

    # The age of the oldest message leaves out those that were received three times.
    equal({part["MetricStat"]["Metric"]["MetricName"]: (part["Id"], part["ReturnData"]) for part in parts},
          {"ApproximateNumberOfMessagesVisible": ("waiting", False),
           "ApproximateNumberOfMessagesNotVisible": ("inflight", False)})
    equal((whole["Expression"], whole["ReturnData"]), ("FILL(waiting, 0) + FILL(inflight, 0)", True))


def silence_is_an_alarm_of_whatever_runs_by_itself(template, _buses):
    by_treatment = {}
    for name, alarm in template.alarms.items():
        by_treatment.setdefault(alarm["TreatMissingData"], set()).add(name)

    equal(by_treatment.pop("breaching"), {"SyncAbsent", "WatchdogAbsent", "NotifyAbsent"})
    equal(by_treatment.pop("ignore"), {"SyncHeadroom"})
    equal(set(by_treatment), {"notBreaching"})
    absent, watchdog = template.alarms["SyncAbsent"], template.alarms["WatchdogAbsent"]
    equal((watchdog["MetricName"], watchdog["Period"] * watchdog["EvaluationPeriods"]), ("Invocations", 3600))
    equal(template.alarms["NotifyAbsent"]["MetricName"], "Invocations")
    equal(absent["MetricName"], "RetentionHeadroomHours")
    check(24 * 3600 < absent["Period"] * absent["EvaluationPeriods"] < 48 * 3600, absent)


def every_alarm_says_what_to_do_and_tells_the_topic_that_is_given(template, _buses):
    for name, alarm in template.alarms.items():
        check(100 < len(alarm["AlarmDescription"]) <= 1024, f"{name}: {alarm['AlarmDescription']}")
        equal((name, alarm["AlarmActions"], alarm["OKActions"]), (name, ALARM_TOPIC, ALARM_TOPIC))
        for _, _, period in measured(alarm):
            longest = 7 * 86400 if period >= 3600 else 86400
            check(period * alarm["EvaluationPeriods"] <= longest, f"{name} looks back further than CloudWatch does")


def measured(alarm):
    """What an alarm measures: each metric, its statistic and its period."""
    if "Metrics" not in alarm:
        return [(alarm, alarm["Statistic"], alarm["Period"])]
    stats = [metric["MetricStat"] for metric in alarm["Metrics"] if "MetricStat" in metric]
    return [(stat["Metric"], stat["Stat"], stat["Period"]) for stat in stats]


def in_code(name, folders):
    return any(f'"{name}"' in text for folder in folders for _, text in sources(folder))
