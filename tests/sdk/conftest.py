"""The gateways under test: the real binary in front of `upstream.py` and of `providers`, each started once.

`TOLLGATE_BIN` names the binary; scripts/test sets it to the one that it has just built.
"""

import os
import pathlib
import re
import subprocess
import threading

import openai
import pytest

from providers import Server
from providers.bedrock import KEY as AWS_KEY
from providers.bedrock import SECRET as AWS_SECRET
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

MATRIX = """
model_list:
  - {{model_name: openai, litellm_params: {{model: openai/gpt-up, api_base: "{url}/v1", api_key: sk-up}}}}
  - {{model_name: vllm, litellm_params: {{model: hosted_vllm/llama-up, api_base: "{url}/v1"}}}}
  - {{model_name: azure, litellm_params: {{model: azure/my-dep, api_base: "{url}", api_key: sk-azure-up, api_version: "2024-10-21"}}}}
  - {{model_name: anthropic, litellm_params: {{model: anthropic/claude-sonnet-4-20250514, api_base: "{url}", api_key: sk-ant-up}}}}
  - {{model_name: gemini, litellm_params: {{model: gemini/gemini-2.5-flash, api_base: "{url}", api_key: gm-up}}}}
  - {{model_name: bedrock, litellm_params: {{model: "bedrock/anthropic.claude-sonnet-4-20250514-v1:0", aws_access_key_id: {aws_key}, aws_secret_access_key: "{aws_secret}", aws_region_name: us-east-1, aws_bedrock_runtime_endpoint: "{url}"}}}}
  - {{model_name: cohere, litellm_params: {{model: cohere/command-a-03-2025, api_base: "{url}/v2/chat", api_key: co-up}}}}
  - {{model_name: ollama, litellm_params: {{model: ollama_chat/llama3.2, api_base: "{url}"}}}}
  - {{model_name: openai-embed, litellm_params: {{model: openai/embed, api_base: "{url}/v1", api_key: sk-up}}}}
  - {{model_name: vllm-embed, litellm_params: {{model: hosted_vllm/embed, api_base: "{url}/v1"}}}}
  - {{model_name: azure-embed, litellm_params: {{model: azure/embed, api_base: "{url}", api_key: sk-azure-up, api_version: "2024-10-21"}}}}
  - {{model_name: gemini-embed, litellm_params: {{model: gemini/gemini-embedding-001, api_base: "{url}", api_key: gm-up}}}}
  - {{model_name: bedrock-embed, litellm_params: {{model: "bedrock/amazon.titan-embed-text-v2:0", aws_access_key_id: {aws_key}, aws_secret_access_key: "{aws_secret}", aws_region_name: us-east-1, aws_bedrock_runtime_endpoint: "{url}"}}}}
  - {{model_name: cohere-embed, litellm_params: {{model: cohere/embed-v4.0, api_base: "{url}/v2/embed", api_key: co-up}}}}
  - {{model_name: ollama-embed, litellm_params: {{model: ollama/llama3.2, api_base: "{url}"}}}}
general_settings: {{master_key: {key}}}
litellm_settings: {{drop_params: true}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
"""


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
    yield from run(CONFIG.format(models="\n".join(models), key=KEY), folder)


@pytest.fixture(scope="session")
def providers():
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def matrix(providers, tmp_path_factory):
    """Base URL of a gateway with one model of every provider, named as the provider is."""
    folder = tmp_path_factory.mktemp("matrix")
    yield from run(MATRIX.format(url=providers.url, key=KEY, aws_key=AWS_KEY, aws_secret=AWS_SECRET), folder)


def run(config, folder):
    """Starts the binary, yields its base URL, stops it."""
    (folder / "config.yaml").write_text(config)
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
