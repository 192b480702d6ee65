"""Who else is asked or told: Slack, CloudFormation as it waits for a custom resource, and a judge that refuses its key."""
import http.server
import json
import threading

REFUSED = {"error": {"message": "Incorrect API key provided.", "type": "invalid_request_error", "param": None,
                     "code": "invalid_api_key"}}


class Outside(http.server.ThreadingHTTPServer):
    """One server on loopback, a path for each of them."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Request)
        self.slack, self.answers = [], []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Request(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith("/services/"):
            self.server.slack.append(body)
            self.answer(200, "text/plain", b"ok")
        else:
            self.answer(401, "application/json", json.dumps(REFUSED).encode())

    def do_PUT(self):
        self.server.answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(200, "text/plain", b"")

    def answer(self, status, form, body):
        self.send_response(status)
        self.send_header("Content-Type", form)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
