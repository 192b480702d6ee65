"""What the Rust sources call at AWS: every operation on a client of its SDK, as the action that a policy names."""

import re
from collections import defaultdict

from process import ROOT, check
from stack import FUNCTIONS, sources

import botocore.session
from botocore import xform_name

# Where shared calls AWS, and what a function does to get there.
DOORS = {"shared/src/platform/config": r"\bReader::load\w*\(", "shared/src/platform/event": r"\bBus::open\("}

# Botocore has the operations of each service. It calls some services by another name than the SDK for Rust.
BOTOCORE = {"eventbridge": "events"}


def by_function():
    """What each function can call, by its name: actions, and the files that call them."""
    found = {name: defaultdict(set) for name in FUNCTIONS}
    for name in FUNCTIONS:
        whole = "\n".join(text for _, text in sources(f"functions/{name}/src"))
        for action, path in of_crate(f"functions/{name}"):
            found[name][action].add(path)
        for action, path in of_crate("shared"):
            if re.search(door(path), whole):
                found[name][action].add(path)
    return found


def door(path):
    doors = [pattern for prefix, pattern in DOORS.items() if path.startswith(prefix)]
    check(doors, f"{path} calls AWS: which functions get there? Say so in DOORS of {__file__}")
    return doors[0]


def of_crate(folder):
    """Every action that a crate's own sources call, with the file."""
    found = []
    for service in dependencies(folder):
        prefix, operations = known(service)
        calls = [(f"{prefix}:{operations[method]}", path) for path, text in sources(f"{folder}/src")
                 for method in re.findall(r"\.\s*(\w+)\(\)", text) if method in operations]
        check(calls, f"{folder} depends on aws-sdk-{service}, and calls nothing of it that this test can see")
        found += calls
    return found


def dependencies(folder):
    """The services whose SDK a crate depends on."""
    manifest = ROOT / folder / "Cargo.toml"
    text = manifest.read_text().split("[dev-dependencies]")[0] if manifest.exists() else ""
    return re.findall(r"^aws-sdk-(\w+)\b", text, re.MULTILINE)


def known(service):
    """A service's prefix in policies, and its operations by the names of the SDK's methods."""
    model = botocore.session.get_session().get_service_model(BOTOCORE.get(service, service))
    check(model.service_id.replace(" ", "").lower() == service, f"{model.service_id} is not {service}")
    return model.signing_name, {xform_name(name): name for name in model.operation_names}
