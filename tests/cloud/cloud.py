"""The stack of the template on this machine: its bus and rules in moto, its functions under the emulator.

schedule ─▶ function ─▶ recorder ─▶ moto: bus ─rule─▶ queue ─▶ here ─▶ function
"""
import json
import sys
import time
import urllib.request
import uuid

from emulator import Function, is_error
from process import ROOT, equal, free_port, wait_for
from recorder import Recorder
from values import ACCOUNT, Values

sys.path.insert(0, str(ROOT / "setup"))

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from translated import REGION, translated  # noqa: E402

STACK = "callmark"
PAGES = "callmark.lambda-url.eu-west-1.on.aws"
MOTO = ROOT / ".tools/venv-template/bin/moto_server"
EMAIL = {"AlertEmailFrom": "callmark@example.com", "AlertEmailTo": "ops@example.com", "AlertEmailIdentity": "example.com"}
# What Lambda itself does in the name of a function, with its role.
OF_LAMBDA = ("logs:", "xray:", "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


class Cloud:
    """The stack, with a secret."""

    def __init__(self, stack, processes, secret):
        self.template = translated(ROOT / "template.yaml")
        port = free_port()
        wait_for(port, processes.start("moto", [MOTO, "-H", "127.0.0.1", "-p", port], cwd=processes.folder))
        self.moto = f"http://127.0.0.1:{port}"
        self.recorder = stack.enter_context(Recorder(port))
        self.secrets, self.events, self.sqs, self.ses = map(self.client, ["secretsmanager", "events", "sqs", "sesv2"])
        self.ses.create_email_identity(EmailIdentity=EMAIL["AlertEmailIdentity"])
        self.secret = self.secrets.create_secret(Name=STACK, SecretString=json.dumps(secret))["ARN"]
        self.values = Values(self.template, REGION, STACK, {"SecretArn": self.secret, **EMAIL})
        self.set_aside = []
        self.name_resources()
        self.functions = {name: self.function(processes, name, properties)
                          for name, properties in self.of("AWS::Lambda::Function").items()}
        self.rules = {name: (self.rule(name, properties), self.targets(properties))
                      for name, properties in self.of("AWS::Events::Rule").items()}

    def client(self, service):
        # No proxies: a server on loopback is behind none.
        return boto3.client(service, endpoint_url=self.moto, region_name=REGION, aws_access_key_id="test",
                            aws_secret_access_key="test", config=Config(proxies={}, retries={"total_max_attempts": 1}))

    def of(self, kind):
        """The properties of all resources of a type that this stack has, by name."""
        return {name: resource["Properties"] for name, resource in self.template["Resources"].items()
                if resource["Type"] == kind and self.values.holds(resource.get("Condition"))}

    def name_resources(self):
        for name in self.template["Resources"]:
            self.values.name(name, name, Arn=f"arn:aws:callmark:{REGION}:{ACCOUNT}:{name}")
        bus = self.values.of(self.of("AWS::Events::EventBus")["Bus"]["Name"])
        self.values.name("Bus", bus, Name=bus, Arn=self.events.create_event_bus(Name=bus)["EventBusArn"])
        self.undelivered = self.queue("Undelivered")
        self.values.name("Undelivered", self.undelivered, QueueName="Undelivered", Arn=self.queue_arn(self.undelivered))
        for name in self.of("AWS::Lambda::Url"):
            self.values.name(name, name, FunctionUrl=f"https://{PAGES}/")

    def queue(self, name):
        return self.sqs.create_queue(QueueName=name)["QueueUrl"]

    def queue_arn(self, queue):
        return self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def function(self, processes, name, properties):
        properties = self.values.of(properties)
        settings = {key: str(value) for key, value in properties["Environment"]["Variables"].items()}
        return Function(processes, name, properties["Timeout"], properties["MemorySize"],
                        {**settings, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": self.recorder.url})

    def rule(self, name, properties):
        """The queue into which a rule of the template leads."""
        bus = self.values.of(properties.get("EventBusName", "default"))
        queue = self.queue(name)
        self.events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(self.values.of(properties["EventPattern"])))
        put = self.events.put_targets(Rule=name, EventBusName=bus,
                                      Targets=[{"Id": "queue", "Arn": self.queue_arn(queue)}])
        equal(put["FailedEntryCount"], 0)
        return queue

    def targets(self, rule):
        return [self.functions[target["Arn"]["Fn::GetAtt"][0]] for target in rule["Targets"]]

    def keep(self, secret):
        self.secrets.put_secret_value(SecretId=self.secret, SecretString=secret)

    def fire(self, name):
        """Does what the schedule of a function does, and then whatever follows from that."""
        (schedule,) = [schedule for schedule in self.of("AWS::Scheduler::Schedule").values()
                       if schedule["Target"]["Arn"] == {"Fn::GetAtt": [name, "Arn"]}]
        event = json.loads(schedule["Target"]["Input"].replace("<aws.scheduler.execution-id>", str(uuid.uuid4())))
        self.invoke_without_waiting(self.functions[name], event)
        self.deliver()

    def put(self, event, bus):
        """Puts an event on a bus, and does whatever follows from that."""
        entry = {"EventBusName": bus, "Source": event["source"], "DetailType": event["detail-type"],
                 "Detail": json.dumps(event["detail"]), "Resources": event["resources"]}
        equal(self.events.put_events(Entries=[entry])["FailedEntryCount"], 0)
        self.deliver()

    def deliver(self):
        """Hands over what is in the queues, until nothing follows any more."""
        moved = True
        while moved:
            moved = False
            for queue, functions in self.rules.values():
                for message in self.received(queue):
                    moved = True
                    self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                    for function in functions:
                        self.invoke_without_waiting(function, json.loads(message["Body"]))
            for mapping in self.of("AWS::Lambda::EventSourceMapping").values():
                moved |= self.hand_over_batch(mapping)

    def received(self, queue):
        return self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"]).get("Messages", [])

    def invoke_without_waiting(self, function, event):
        """Tries again what fails, as often as the template says, and then sets it aside, as Lambda does."""
        (config,) = [config for config in self.of("AWS::Lambda::EventInvokeConfig").values()
                     if config["FunctionName"] == {"Ref": function.name}]
        tries = 1 + config["MaximumRetryAttempts"]
        for _ in range(tries):
            answer = json.loads(function.invoke(event))
            if not is_error(answer):
                return
        equal(self.values.of(config["DestinationConfig"]["OnFailure"]["Destination"]), self.queue_arn(self.undelivered))
        self.set_aside.append({
            "version": "1.0",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
            "requestContext": {"requestId": str(uuid.uuid4()), "condition": "RetriesExhausted",
                               "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}:$LATEST",
                               "approximateInvokeCount": tries},
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": answer,
        })
        self.sqs.send_message(QueueUrl=self.undelivered, MessageBody=json.dumps(self.set_aside[-1]))

    def hand_over_batch(self, mapping):
        """Gives a function the messages of its queue, and takes out those that it does not give back."""
        arn = self.values.of(mapping["EventSourceArn"])
        equal(arn, self.queue_arn(self.undelivered))
        messages = self.received(self.undelivered)
        if messages:
            answer = self.functions[mapping["FunctionName"]["Ref"]].answer({"Records": [record(m, arn) for m in messages]})
            back = {failure["itemIdentifier"] for failure in (answer or {}).get("batchItemFailures", [])}
            for message in messages:
                if message["MessageId"] not in back:
                    self.sqs.delete_message(QueueUrl=self.undelivered, ReceiptHandle=message["ReceiptHandle"])
        return bool(messages)

    def mail(self):
        """Every message that was sent by SES."""
        with urllib.request.urlopen(f"{self.moto}/moto-api/data.json") as answer:
            return json.load(answer).get("ses", {}).get("Message", [])

    def allowed(self, name):
        """What the role of a function lets its own code do, and with what."""
        role = self.of("AWS::Lambda::Function")[name]["Role"]["Fn::GetAtt"][0]
        return {(action, resource)
                for policy in self.values.of(self.of("AWS::IAM::Role")[role]["Policies"])
                for statement in policy["PolicyDocument"]["Statement"]
                for action in listed(statement["Action"])
                for resource in listed(statement["Resource"])
                if not action.startswith(OF_LAMBDA)}

    def asked(self, name):
        """What a function did ask for, and of what: by ARN, as its role has it."""
        arns = {self.values.known["Bus"]: self.values.attributes["Bus"]["Arn"],
                EMAIL["AlertEmailFrom"]: f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{EMAIL['AlertEmailIdentity']}"}
        return {(action, arns.get(resource, resource)) for action, resource in self.recorder.actions(name)}


def record(message, arn):
    """A message as an event source mapping gives it to a function."""
    return {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"],
            "attributes": message["Attributes"], "messageAttributes": {}, "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": REGION}


def listed(value):
    return value if isinstance(value, list) else [value]
