"""Stands before moto and notes who asked what of which service: a function is known by its access key."""
import http.client
import http.server
import json
import re
import threading

SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=(\w+)/\d+/[\w-]+/([\w-]+)/aws4_request")
# Services whose protocol names the action by method and path alone.
BY_PATH = {("POST", "/v2/email/outbound-emails"): "SendEmail"}


class Recorder(http.server.ThreadingHTTPServer):
    """Passes requests on to the port of moto, and keeps (function, action, what it was about) of each."""

    def __init__(self, moto):
        super().__init__(("127.0.0.1", 0), Request)
        self.moto, self.asked = moto, []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def actions(self, function):
        """What a function asked for, and of which resource."""
        return {(action, resource) for asker, action, resource in self.asked if asker == function}


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.note(body)
        moto = http.client.HTTPConnection("127.0.0.1", self.server.moto)
        moto.request(self.command, self.path, body, dict(self.headers))
        answer = moto.getresponse()
        content = answer.read()
        moto.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "content-length", "date", "server", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_DELETE = do_POST

    def note(self, body):
        signed = SIGNED.match(self.headers.get("Authorization", ""))
        asker, service = signed.groups() if signed else ("nobody", "unsigned")
        target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        action = target or BY_PATH.get((self.command, self.path), f"{self.command} {self.path}")
        for resource in resources(json.loads(body) if body else {}):
            self.server.asked.append((asker, f"{service}:{action}", resource))

    def log_message(self, *_):
        pass


def resources(request):
    """What a request is about, as far as a role may say what it may be about."""
    if "Entries" in request:
        return {entry.get("EventBusName", "default") for entry in request["Entries"]}
    about = [request.get(name) for name in ("SecretId", "Name", "FromEmailAddress", "QueueUrl")]
    return {next(filter(None, about), "")}
