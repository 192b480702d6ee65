"""A function's release binary under Lambda's runtime interface emulator, with the settings of the template."""
import json
import platform
import urllib.error
import urllib.request

from process import PATIENCE, ROOT, check, end, free_port, wait_for, with_path

BINARIES = ROOT / ".aws-sam/build"
MACHINE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


def emulator():
    """The emulator is part of the SAM command line."""
    (path,) = (ROOT / ".tools/venv-sam/lib").glob(f"python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{MACHINE}")
    return path


class Function:
    """A binary that is started for its first invocation, and serves all of them, one after the other."""

    def __init__(self, processes, name, timeout, memory, settings):
        self.processes, self.name = processes, name
        self.environment = with_path(
            AWS_LAMBDA_FUNCTION_NAME=name,
            AWS_LAMBDA_FUNCTION_VERSION="$LATEST",
            AWS_LAMBDA_FUNCTION_TIMEOUT=str(timeout),
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(memory),
            # So that the calls of this function are known from those of others.
            AWS_ACCESS_KEY_ID=name,
            AWS_SECRET_ACCESS_KEY="a-key-of-nobody",
            **settings,
        )
        self.process = None
        self.port = None

    def cool_down(self):
        """Ends it: the next invocation is a cold start."""
        if self.process:
            end(self.process)
            self.process = None

    def invoke(self, event):
        """What the function answers, word for word."""
        if self.process is None:
            self.start()
        url = f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations"
        request = urllib.request.Request(url, json.dumps(event).encode())
        try:
            with urllib.request.urlopen(request, timeout=2 * PATIENCE) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            check((error.code, error.read()) == (502, b""), f"{self.name}: {error}")
            # The process ended. The emulator says no more; Lambda then says this.
            self.cool_down()
            return json.dumps({"errorType": "Runtime.ExitError", "errorMessage": "Error: Runtime exited"}).encode()

    def answer(self, event):
        """What the function answers, which must not be an error."""
        answer = json.loads(self.invoke(event))
        check(not is_error(answer), f"{self.name}: {answer}")
        return answer

    def start(self):
        self.port, runtime = free_port(), free_port()
        # Without both addresses it listens on every interface.
        self.process = self.processes.start(self.name, [
            emulator(), "--log-level", "warn",
            "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
            "--runtime-api-address", f"127.0.0.1:{runtime}",
            BINARIES / self.name / "bootstrap",
        ], env=self.environment)
        wait_for(self.port, self.process)


def is_error(answer):
    """The emulator answers with 200 in any case."""
    return isinstance(answer, dict) and "errorType" in answer
