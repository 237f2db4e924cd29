"""Ray, found and started: what can be wrong with it is said in a sentence each. The only file that starts Ray."""

from __future__ import annotations

import importlib
import os
import re
import secrets
import socket
from contextlib import suppress
from typing import Any

from harness.errors import HarnessError

_ANSWER_S = 5.0


def import_ray(*, alone: bool) -> Any:
    """The module ray. With `alone`, for this machine only: its ports are bound to the loopback address.

    Raises HarnessError if it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # a cell without a GPU sees none
    os.environ.setdefault("RAY_DISABLE_IMPORT_WARNING", "1")
    if alone:  # ray reads these when it is imported
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # on Linux too it means: on 127.0.0.1 alone
        if "RAY_AUTH_TOKEN" not in os.environ:  # other users of this machine reach its loopback address too
            os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise HarnessError(
            f"--engine ray needs Ray, which cannot be imported here ({error}); install it: pip install -e '.[ray]'"
        ) from None


def connect(ray: Any, address: str | None) -> None:
    """Join the cluster at `address`, or start one on this machine alone. Raises HarnessError if there is none."""
    quiet = {"include_dashboard": False} if address is None else {}
    if address is not None:
        _answers(address)
    try:
        ray.init(
            address=address or "local", log_to_driver=False, configure_logging=False, logging_level="ERROR", **quiet
        )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise HarnessError(_sentence(ray, error, address)) from None
    with suppress(AttributeError):  # Ray says on stdout that a worker died; the engine says it on stderr
        ray._private.worker._worker_logs_enabled = False


def _answers(address: str) -> None:
    """Raise HarnessError if nothing listens at HOST:PORT: Ray itself would try for a long time."""
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise HarnessError(f"--address {address}: give HOST:PORT of the head node, or auto on a node of the cluster")
    with suppress(OSError), socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S):
        return
    raise HarnessError(
        f"no Ray cluster answers at {address}; start one there with `ray start --head`, or leave --address out to use "
        "this machine"
    )


def _sentence(ray: Any, error: Exception, address: str | None) -> str:
    said = " ".join(str(error).split())
    if isinstance(error, ray.exceptions.AuthenticationError) or "authentication" in said.lower():
        return (
            f"the Ray cluster at {address} wants a token, and this command has another or none; set "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) as on its nodes"
        )
    if "ersion mismatch" in said:
        found = re.findall(r"(Ray|Python): ([\w.]+)", said)
        versions = ", ".join(f"{name} {number}" for name, number in found)
        return f"the cluster at {address} has other versions than this command ({versions}); use one environment"
    if address is None:
        return f"Ray cannot be started on this machine ({said[:200]})"
    if address == "auto":
        return "no Ray cluster runs on this machine; start one with `ray start`, or leave --address out"
    return (
        f"this machine cannot join the Ray cluster at {address} ({said[:160]}); give the command on one of its nodes "
        f"(`ray start --address={address}` makes this one a node)"
    )
