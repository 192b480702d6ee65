"""What each function says where something that it needs is wrong: one line, which names the setting, and no secret.

    FUNCTIONS  ──  a line for each function
    FAULTS     ──  what is wrong, and what is then said; BUS is what is wrong with a bus

Each pair is a process of its own, under a runtime API of our own that invokes it once.
"""
import concurrent.futures
import contextlib
import http.server
import json
import socket
import threading
import time
from pathlib import Path
from typing import NamedTuple

from process import check

PATIENCE = 60
# Lambda ends a start that takes longer.
START = 10
AT_ONCE = 4
PASSWORD = "a-database-password-that-no-log-line-may-show"
PAGE = json.loads((Path(__file__).parent / "healthz.json").read_text())


class Function(NamedTuple):
    """What a function needs, and what it does without."""
    event: dict = {}
    key: str = "DATABASE_URL"
    has_bus: bool = True
    # Whether it ends with status 2 where its settings are unusable; else it says so, and serves.
    ends: bool = True


FUNCTIONS = {
    "sync": Function({"dry_run": True}, "VAPI_API_KEY"),
    "qci": Function({"estimate": True}, "OPENAI_API_KEY"),
    "watchdog": Function(),
    "admin": Function(PAGE, "ADMIN_SESSION_KEY"),
    "migrate": Function(has_bus=False, ends=False),
    "notify": Function(has_bus=False, ends=False),
}


class Refusal(NamedTuple):
    """An error that AWS answers with."""
    code: str
    message: str


SILENCE = object()


class Fault(NamedTuple):
    """What is wrong, and the words of the line that says so."""
    words: list
    # What the secret is, made of the right one and of the function.
    secret: object
    at_start: bool = True


def with_database(address):
    """The right secret with another database."""
    return lambda right, _: {**right, "DATABASE_URL": f"postgres://callmark:{PASSWORD}@{address}?sslmode=disable"}


def without_key(right, function):
    return {name: value for name, value in right.items() if name != function.key}


def faults(servers, port):
    """Everything that can be wrong with settings and database; `servers` are those that this needs."""
    refusing = servers.enter_context(Database(postgres_error("28P01", 'password authentication failed for user "callmark"')))
    silent = servers.enter_context(Database(None))
    secret = "the secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:callmark-AbCdEf named by CALLMARK_SECRET_ARN"
    connecting = "connecting to the database named by DATABASE_URL: no connection to "
    return {
        "a secret that may not be read": Fault(
            [secret, "AccessDeniedException: User is not authorized", "secretsmanager:GetSecretValue"],
            lambda *_: Refusal("AccessDeniedException", "User is not authorized")),
        "a secret that there is not": Fault(
            [secret, "ResourceNotFoundException: Secrets Manager can't find it", "check the ARN"],
            lambda *_: Refusal("ResourceNotFoundException", "Secrets Manager can't find it")),
        "a secret that is no JSON": Fault(
            ["CALLMARK_SECRET_ARN names a malformed secret: expected a JSON object"], lambda *_: f"is {PASSWORD}"),
        "a secret of another form": Fault(
            ["CALLMARK_SECRET_ARN names a malformed secret: expected a JSON object"],
            lambda *_: {"DATABASE_URL": {"password": PASSWORD}}),
        "a secret without a key": Fault(["{key} is missing: expected "], without_key),
        "an address that is none": Fault(
            ["DATABASE_URL is malformed: it does not begin with postgres://"],
            lambda right, _: {**right, "DATABASE_URL": f"callmark:{PASSWORD}@host"}),
        "no answer about the secret": Fault(["named by CALLMARK_SECRET_ARN"], lambda *_: SILENCE),
        "a server that is not there": Fault(
            [f"{connecting}127.0.0.1:9 (check host and port, "], with_database("127.0.0.1:9/calls"), False),
        "a host that has no address": Fault(
            [f"{connecting}nobody.invalid:5432 (check host and port, "], with_database("nobody.invalid/calls"), False),
        "a password that is wrong": Fault(
            [f"{connecting}127.0.0.1:{refusing.port} (check user, password ", "password authentication failed"],
            with_database(f"127.0.0.1:{refusing.port}/calls"), False),
        "a database that there is not": Fault(
            [f"{connecting}127.0.0.1:{port} (check the name of the database)", 'database "nobodys" does not exist'],
            lambda right, _: {**right, "DATABASE_URL": f"postgres://postgres:{PASSWORD}@127.0.0.1:{port}/nobodys"}, False),
        "a server that says nothing": Fault(
            [f"{connecting}127.0.0.1:{silent.port} (check host and port, "],
            with_database(f"127.0.0.1:{silent.port}/calls"), False),
    }


def each_function_says_what_is_wrong(begin, right, port):
    """`begin` starts a function with what it needs to know; `right` is the secret as it should be, `port` the database's."""
    with contextlib.ExitStack() as servers, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        pairs = [pool.submit(says_what_is_wrong, begin, name, fault, right, title)
                 for title, fault in faults(servers, port).items() for name in FUNCTIONS]
        try:
            for pair in concurrent.futures.as_completed(pairs):
                pair.result()
        finally:
            pool.shutdown(cancel_futures=True)


def says_what_is_wrong(begin, name, fault, right, title):
    function = FUNCTIONS[name]
    with Aws(fault.secret(right, function)) as aws, Runtime(function.event) as runtime:
        begun = time.monotonic()
        with begin(name, runtime.url, aws.url) as process:
            ends = fault.at_start and function.ends
            until(lambda: process.poll() is not None if ends else runtime.answer, f"{name}, {title}: no end")
            took, status = time.monotonic() - begun, process.poll()
        said = Said(process)

    where = f"{name}, {title}: {said.text}"
    check(status == (2 if ends else None), f"status {status} of {where}")
    check(not (ends and (took > START or runtime.was_asked)), f"{took:.1f} s for {where}")
    # A function that serves all the same says it at its start, and once more where an invocation fails for it.
    most = 2 if fault.at_start and not ends else 1
    check(1 <= len(said.errors) <= most, f"not one line of {where}")
    for line in said.errors:
        # What takes long is given up at the start, and waited for when it is needed.
        for word in fault.words:
            check(word.format(key=function.key) in line["message"], f"no {word!r} in {where}")
    hidden = [value for value in right.values() if isinstance(value, str) and value.count("-") > 3]
    check(not any(secret in said.text for secret in [PASSWORD, *hidden]), f"a secret in {where}")


def a_bus_that_cannot_be_used_is_told_at_the_start_and_stops_nothing(begin, right):
    for name, function in FUNCTIONS.items():
        if not function.has_bus:
            continue
        refusal = Refusal("ResourceNotFoundException", "Event bus nobodys does not exist.")
        with Runtime(function.event) as runtime, Aws(right, refusal, runtime.asked) as aws:
            with begin(name, runtime.url, aws.url, EVENT_BUS_NAME="nobodys") as process:
                until(lambda: runtime.answer and "cannot be used" in Said(process).text, f"{name} said nothing of its bus")
            said = Said(process)

        where = f"{name}: {said.text}"
        check(runtime.answer == "response", f"the invocation failed: {where}")
        at_start = [line for line in said.errors if "the event bus nobodys cannot be used (EVENT_BUS_NAME): "
                    "ResourceNotFoundException: Event bus nobodys does not exist. (check the name" in line["message"]]
        later = [line for line in said.errors if "an event was not published: " in line["message"]]
        check((len(at_start), len(said.errors)) == (1, 1 + len(later)), where)
        # A run's end is announced; the watchdog had nothing to announce, and nobody asked the pages for a run.
        check(len(later) == (name in ["sync", "qci"]), where)
        counted = [line for line in said.lines if "EventsUnpublished" in line]
        check([(line["EventsUnpublished"], line["Stack"]) for line in counted] == [(1, "callmark-test")] * len(said.errors), where)


class Said:
    """What a process wrote."""

    def __init__(self, process):
        self.text = process.output.read_text()
        self.lines = [json.loads(line) for line in self.text.splitlines()]
        self.errors = [line for line in self.lines if line.get("level") == "ERROR"]


class Server(http.server.ThreadingHTTPServer):
    """Answers on loopback until its end."""
    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.url, self.over = f"http://127.0.0.1:{self.server_port}", threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.over.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def read(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        while size := int(self.rfile.readline(), 16):
            self.rfile.read(size + len("\r\n"))
        return b""

    def say(self, status, value, **headers):
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Runtime(Server):
    """Lambda's runtime API: one invocation, and then none."""

    def __init__(self, event):
        self.event, self.asked, self.answer, self.was_asked = event, threading.Event(), None, False
        super().__init__(RuntimeRequest)
        self.url = self.url.removeprefix("http://")


class RuntimeRequest(Handler):
    def do_GET(self):
        if self.server.was_asked:
            self.server.over.wait(PATIENCE)
            return
        self.server.was_asked = True
        self.server.asked.set()
        deadline = int((time.time() + PATIENCE) * 1000)
        self.say(200, self.server.event, Lambda_Runtime_Aws_Request_Id="request-1",
                 Lambda_Runtime_Deadline_Ms=deadline, Lambda_Runtime_Invoked_Function_Arn="arn:aws:lambda:function")

    def do_POST(self):
        self.read()
        self.say(202, {})
        self.server.answer = self.path.rsplit("/", 1)[1]


class Aws(Server):
    """Secrets Manager and EventBridge: a secret or a refusal, and a bus that is told of once `may_tell` is set."""

    def __init__(self, secret, bus=None, may_tell=None):
        self.secret, self.bus, self.may_tell = secret, bus, may_tell
        super().__init__(AwsRequest)


class AwsRequest(Handler):
    def do_POST(self):
        self.read()
        action = self.headers["X-Amz-Target"]
        if action == "AWSEvents.DescribeEventBus" and self.server.may_tell:
            # A function that waited for this before it asks for work would wait for ever.
            self.server.may_tell.wait(PATIENCE)
        if action.startswith("AWSEvents"):
            return self.tell(self.server.bus or {"Name": "callmark", "FailedEntryCount": 0, "Entries": []})
        secret = self.server.secret
        if secret is SILENCE or isinstance(secret, Refusal):
            return self.tell(secret)
        return self.tell({"ARN": "arn", "SecretString": secret if isinstance(secret, str) else json.dumps(secret)})

    def tell(self, answer):
        if answer is SILENCE:
            self.server.over.wait(PATIENCE)
        elif isinstance(answer, Refusal):
            self.say(400, {"__type": answer.code, "message": answer.message}, Content_Type="application/x-amz-json-1.1")
        else:
            self.say(200, answer, Content_Type="application/x-amz-json-1.1")


class Database:
    """A server that says this to whoever connects, or nothing."""

    def __init__(self, says):
        self.socket, self.says, self.kept = socket.create_server(("127.0.0.1", 0)), says, []
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                if self.says is None:
                    self.kept.append(connection)
                    continue
                with connection:
                    connection.recv(4096)
                    connection.sendall(self.says)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in [self.socket, *self.kept]:
            connection.close()


def postgres_error(code, message):
    """A server's refusal as PostgreSQL's protocol has it."""
    fields = b"".join(kind + text.encode() + b"\0" for kind, text in
                      [(b"S", "FATAL"), (b"V", "FATAL"), (b"C", code), (b"M", message)]) + b"\0"
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


def until(is_so, otherwise):
    end = time.monotonic() + PATIENCE
    while not is_so():
        check(time.monotonic() < end, otherwise)
        time.sleep(0.02)
