"""The gateway under test: the real binary in front of `upstream.py`, started once for all SDK tests.

`TOLLGATE_BIN` names the binary; scripts/test sets it to the one that it has just built.
"""

import os
import pathlib
import re
import subprocess
import threading

import openai
import pytest

from upstream import Upstream

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
KEY = "sk-sdk-tests"
START_DEADLINE_SECONDS = 30
STATUSES = [400, 401, 403, 404, 422, 429, 500, 503]

CONFIG = """
model_list:
{models}
general_settings: {{master_key: {key}}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
"""
MODEL = '  - {{model_name: {name}, litellm_params: {{model: openai/{model}, api_base: "{url}", api_key: sk-up{more}}}}}'


@pytest.fixture(scope="session")
def upstream():
    server = Upstream()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def gateway(upstream, tmp_path_factory):
    """Its base URL, without /v1."""
    folder = tmp_path_factory.mktemp("gateway")
    names = ["ok", "cut", *(f"status-{status}" for status in STATUSES)]
    models = [MODEL.format(name=name, model=name, url=upstream.url, more="") for name in names]
    models.append(MODEL.format(name="hang", model="hang", url=upstream.url, more=", timeout: 0.3"))
    # Nobody listens on the discard port of the loopback.
    models.append(MODEL.format(name="nobody", model="ok", url="http://127.0.0.1:9/v1", more=""))
    # A provider whose completions are real ones: no bridge to chat.
    models.append(MODEL.format(name="legacy", model="ok", url=upstream.url, more="").replace("openai/", "hosted_vllm/"))
    (folder / "config.yaml").write_text(CONFIG.format(models="\n".join(models), key=KEY))
    binary = os.environ.get("TOLLGATE_BIN", REPOSITORY / "target" / "debug" / "tollgate")
    command = [binary, "--config", folder / "config.yaml", "--host", "127.0.0.1", "--port", "0", "--data-dir", folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={})
    watchdog = threading.Timer(START_DEADLINE_SECONDS, process.kill)
    watchdog.start()
    printed = []
    for line in process.stdout:
        printed.append(line)
        if found := re.search(r"listening on (http://127\.0\.0\.1:\d+)", line):
            break
    else:
        pytest.fail("the gateway did not start:\n" + "".join(printed))
    watchdog.cancel()
    # Read on, so that the pipe never fills.
    threading.Thread(target=lambda: [None for _ in process.stdout], daemon=True).start()
    yield found.group(1)
    process.kill()
    process.wait()


@pytest.fixture
def client(gateway):
    """Without the SDK's own retries: one call is one request."""
    return openai.OpenAI(base_url=f"{gateway}/v1", api_key=KEY, max_retries=0)
