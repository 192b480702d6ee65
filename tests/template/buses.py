"""The bus of the template and the account's own in moto, with their rules, and a queue in place of each target."""

import json
import tempfile

import boto3
from botocore.config import Config

from process import ROOT, Processes, check, equal, free_port, wait_for
from stack import REGION, STACK, resolved

MOTO = ROOT / ".tools/venv-template/bin/moto_server"
DEFAULT = "default"


class Buses:
    """The rules of the template, each on its bus, which lead to queues."""

    def __init__(self, stack, template):
        self.queues = {}
        processes = Processes(stack, stack.enter_context(tempfile.TemporaryDirectory(prefix="callmark-template-")))
        port = free_port()
        wait_for(port, processes.start("moto", [MOTO, "-H", "127.0.0.1", "-p", port], cwd=processes.folder))
        self.events, self.sqs = (client(service, port) for service in ["events", "sqs"])
        self.events.create_event_bus(Name=STACK)
        for name, rule in template.rules.items():
            self.add(name, rule["EventPattern"], DEFAULT if rule.get("EventBusName") is None else STACK)
        for name, archive in template.of("AWS::Events::Archive").items():
            self.add(name, archive["EventPattern"], STACK)

    def add(self, name, pattern, bus):
        queue = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(resolved(pattern)))
        put = self.events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        equal(put["FailedEntryCount"], 0)
        self.queues[name] = queue

    def led_to(self, event, bus=STACK):
        """Through which rules an event passes when it is put on a bus."""
        put = self.events.put_events(Entries=[{
            "EventBusName": bus,
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
        }])
        equal(put["FailedEntryCount"], 0)
        passed = set()
        for name, queue in self.queues.items():
            received = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            for message in received:
                equal(json.loads(message["Body"])["detail"], event["detail"])
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                passed.add(name)
            check(len(received) <= 1, f"{name} took {event} more than once")
        return passed


def client(service, port):
    # No proxies: a server on loopback is behind none.
    return boto3.client(service, region_name=REGION, endpoint_url=f"http://127.0.0.1:{port}",
                        aws_access_key_id="test", aws_secret_access_key="test", config=Config(proxies={}))
