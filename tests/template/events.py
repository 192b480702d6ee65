"""Plays events on the buses, ours and the account's, and looks through which rules they pass."""

import json
import re

from buses import DEFAULT
from process import ROOT, check, equal
from stack import FUNCTIONS, STACK, logical

EVENTS = ROOT / "events"

SCRIPTS = {"vapi-sync": "SyncFunctionRequested", "qci-analysis": "QciFunctionRequested"}
KINDS = {"Alert Raised": "NotifyFunctionAlertRaised", "Test Requested": "NotifyFunctionTestRequested"}
ALARM = "CloudWatch Alarm State Change"


def our_event_files_lead_to_the_function_in_whose_folder_they_are(template, buses):
    files = {path.relative_to(EVENTS).as_posix(): json.loads(path.read_text()) for path in EVENTS.rglob("*.json")}
    on_a_bus = {name: of_this_stack(event) for name, event in files.items() if "detail-type" in event}

    check({"sync/run-requested.json", "qci/run-requested.json", "qci/sync-finished.json"} <= set(on_a_bus), on_a_bus)
    for name, event in on_a_bus.items():
        passed = buses.led_to(event, bus_of(event))
        targets = [template.named(target["Arn"], "Arn") for rule in passed & set(template.rules)
                   for target in template.rules[rule]["Targets"]]

        equal((name, passed), (name, expected(event)))
        check(logical(name.split("/")[0]) in targets, f"{name} does not lead to its function, but to {targets}")
    equal({name.split("/")[0] for name in files} - set(FUNCTIONS), set())


def the_end_of_a_run_leads_to_messages_and_after_a_sync_that_stored_something_to_scoring(_template, buses):
    for script in ["vapi-sync", "qci-analysis", "watchdog"]:
        for status in ["success", "partial", "error", "skipped", "running"]:
            rules = {"Archive"}
            if status in ["success", "partial", "error"]:
                rules.add("NotifyFunctionRunFinished")
            if script == "vapi-sync" and status in ["success", "partial"]:
                rules.add("QciFunctionSyncFinished")
            for continues in [{}, {"continues": True}, {"continues": False}]:
                event = finished(script_name=script, status=status, **continues)
                equal((script, status, buses.led_to(event)), (script, status, rules))


def a_request_leads_to_its_script_and_to_no_other(_template, buses):
    for script in [*SCRIPTS, "vapi-sync-2", "sync", "VAPI-SYNC", "", None]:
        for by in ["schedule", "continuation", "ada"]:
            event = requested(script_name=script, triggered_by=by)
            equal((script, by, buses.led_to(event)),
                  (script, by, {"Archive"} | ({SCRIPTS[script]} if script in SCRIPTS else set())))


def an_alert_and_a_request_for_a_test_lead_to_messages(_template, buses):
    for kind in ["late", "missed", "too_long", "low_headroom"]:
        for state in ["raised", "cleared"]:
            equal((kind, state, buses.led_to(raised(kind=kind, state=state))),
                  (kind, state, {"Archive", "NotifyFunctionAlertRaised"}))
    equal(buses.led_to(test_requested()), {"Archive", "NotifyFunctionTestRequested"})


def every_alarm_of_this_stack_leads_to_messages_but_for_those_on_notify_itself(template, buses):
    for name, properties in template.alarms.items():
        named = properties["AlarmName"]["Fn::Sub"].replace("${AWS::StackName}", STACK)
        on_notify = name.startswith("Noti") or name == "UndeliveredEvents"
        for state in ["ALARM", "OK", "INSUFFICIENT_DATA"]:
            rings = not on_notify and state != "INSUFFICIENT_DATA"
            equal((named, state, buses.led_to(alarm(named, state), DEFAULT)),
                  (named, state, {"NotifyFunctionAlarmChanged"} if rings else set()))


def the_alarms_of_other_stacks_lead_nowhere(_template, buses):
    for name in ["callmark/other/SyncErrors", f"callmark/{STACK}-dev/SyncErrors", f"callmark/{STACK}", "SyncErrors",
                 f"callmark-notify/{STACK}/SyncErrors", f"Callmark/{STACK}/SyncErrors", f"x/callmark/{STACK}/SyncErrors",
                 f"callmark/dev-{STACK}/SyncErrors", f"callmark//{STACK}/SyncErrors", ""]:
        equal((name, buses.led_to(alarm(name, "ALARM"), DEFAULT)), (name, set()))
    ours = alarm(f"callmark/{STACK}/SyncErrors", "ALARM")
    equal(buses.led_to(ours, DEFAULT), {"NotifyFunctionAlarmChanged"})
    for other in [{**ours, "source": "callmark"}, {**ours, "source": "aws.ec2"},
                  {**ours, "detail-type": "CloudWatch Alarm Configuration Change"}]:
        equal((other, buses.led_to(other, DEFAULT)), (other, set()))
    equal(buses.led_to(ours), set())


def what_is_not_an_event_of_ours_leads_nowhere(_template, buses):
    for ours in [requested(), finished(), raised(), test_requested()]:
        rules = buses.led_to(ours)
        equal(rules, expected(ours))
        for source in ["callmark.test", "Callmark", "com.example.callmark", "vapi", "aws.cloudwatch"]:
            equal((source, buses.led_to({**ours, "source": source})), (source, set()))
        for kind in ["Run Started", "run requested", "Run Finished ", "Alert raised", "Test", ALARM]:
            equal((kind, buses.led_to({**ours, "detail-type": kind})), (kind, {"Archive"}))
        equal(buses.led_to(ours, DEFAULT), set())
    for ours in [requested(), finished()]:
        for detail in [{}, {"detail": ours["detail"]}, {"script": "vapi-sync", "state": "success"}]:
            equal((detail, buses.led_to({**ours, "detail": detail})), (detail, {"Archive"}))


def expected(event):
    """The rules that an event is to pass through."""
    kind, detail = event["detail-type"], event["detail"]
    if kind == ALARM:
        is_ours = detail["alarmName"].startswith(f"callmark/{STACK}/")
        return {"NotifyFunctionAlarmChanged"} if is_ours and detail["state"]["value"] in ["ALARM", "OK"] else set()
    rules = {"Archive"}
    if kind == "Run Requested":
        rules.add(SCRIPTS[detail["script_name"]])
    if kind == "Run Finished" and detail["status"] in ["success", "partial", "error"]:
        rules.add("NotifyFunctionRunFinished")
    if kind == "Run Finished" and detail["script_name"] == "vapi-sync" and detail["status"] in ["success", "partial"]:
        rules.add("QciFunctionSyncFinished")
    return rules | ({KINDS[kind]} if kind in KINDS else set())


def bus_of(event):
    return DEFAULT if event["source"].startswith("aws.") else STACK


def of_this_stack(event):
    """The event with the name of our stack in that of its alarm, if it has one."""
    named = event["detail"].get("alarmName")
    if named is None:
        return event
    return {**event, "detail": {**event["detail"], "alarmName": re.sub("^callmark/[^/]+/", f"callmark/{STACK}/", named)}}


def requested(**detail):
    return like("sync/run-requested.json", **detail)


def finished(**detail):
    return like("qci/sync-finished.json", **detail)


def raised(**detail):
    return {"source": "callmark", "detail-type": "Alert Raised", "detail": {
        "alert_id": "0199f3a2-7c55-7c1e-9a41-3f0d2b6e9c11", "kind": "late", "script_name": "vapi-sync", "state": "raised",
        "since": "2026-11-23T00:00:00Z", "at": "2026-11-23T06:45:00Z", "summary": "no sync began for 6 hours", **detail}}


def test_requested():
    return {"source": "callmark", "detail-type": "Test Requested", "detail": {"requested_by": "ada"}}


def alarm(name, state):
    """A change of an alarm, as CloudWatch tells it."""
    at = "2026-11-23T06:14:31.000+0000"
    return {"source": "aws.cloudwatch", "detail-type": ALARM, "detail": {
        "alarmName": name,
        "state": {"value": state, "reason": "Threshold Crossed", "reasonData": "{}", "timestamp": at},
        "previousState": {"value": "OK" if state == "ALARM" else "ALARM", "timestamp": at},
        "configuration": {"description": "What to do.", "metrics": [{"id": "m1", "returnData": True}]}}}


def like(name, **detail):
    event = json.loads((EVENTS / name).read_text())
    return {**event, "detail": {**event["detail"], **detail}}
