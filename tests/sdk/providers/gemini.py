"""Gemini's generateContent. <https://ai.google.dev/api/generate-content>"""

import json
import re

from providers.scenario import CACHE_READ, INPUT, MESSAGES, OUTPUT, VECTOR, Seen, is_base64, known, require, sign

MEMBERS = {
    "model", "contents", "tools", "toolConfig", "safetySettings", "systemInstruction", "generationConfig", "cachedContent",
    "labels", "store", "serviceTier",
}
CONFIG = {
    "stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "_responseJsonSchema", "responseModalities",
    "candidateCount", "maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty", "frequencyPenalty",
    "responseLogprobs", "logprobs", "thinkingConfig", "mediaResolution", "speechConfig", "imageConfig",
    "enableEnhancedCivicAnswers",
}
SCHEMA = {
    "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required", "anyOf",
    "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "propertyOrdering", "default", "items",
    "minimum", "maximum",
}
ERRORS = {
    "rate_limit": (429, "RESOURCE_EXHAUSTED"), "overloaded": (503, "UNAVAILABLE"), "missing": (404, "NOT_FOUND"),
    "server": (500, "INTERNAL"),
}


def serves(path):
    # Behind the gateway the base URL ends where `models` begins; Google's own SDK says the version.
    return path.removeprefix("/v1beta").startswith("/models/")


def error(status, name, message):
    return {"error": {"code": status, "message": message, "status": name}}


def camel(value):
    """Protobuf's JSON takes both spellings of a member's name. Arguments, answers and schemas are the user's."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for name, item in value.items():
        name = re.sub(r"(?<=[a-z])_([a-z])", lambda match: match[1].upper(), name)
        out[name] = item if name in ("args", "response", "parameters", "responseSchema", "responseJsonSchema", "parametersJsonSchema") else camel(item)
    return out


class Call:
    content_type = "text/event-stream"

    def __init__(self, path, query, headers, body, _raw):
        self.path, self.query, self.headers, self.body = path, query, headers, camel(body)
        self.method = path.rsplit(":", 1)[-1]
        self.streams = self.method == "streamGenerateContent"

    def special(self):
        if self.method == "countTokens":
            return {"totalTokens": 42, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 42}]}
        if self.method == "batchEmbedContents":
            return {"embeddings": [{"values": VECTOR} for _ in self.body["requests"]]}
        if self.method == "embedContent":
            return {"embedding": {"values": VECTOR}}
        return None

    def check(self):
        body = self.body
        require(self.headers.get("x-goog-api-key") == "gm-up", "API key not valid. Please pass a valid API key.")
        require(not self.streams or "alt=sse" in self.query, "alt=sse is missing")
        require("/models/gemini-2.5-flash:" in self.path, "models: unknown")
        known(body, MEMBERS, "Unknown name ")
        known(body.get("generationConfig") or {}, CONFIG, "generation_config: Unknown name ")
        seen = check_contents(body.get("contents"))
        for tool in body.get("tools") or []:
            for function in tool.get("functionDeclarations", []):
                seen.tools.append(function["name"])
                check_schema(function.get("parameters") or {})
        seen.wants_json = "json" in (body.get("generationConfig") or {}).get("responseMimeType", "")
        return seen

    def usage(self):
        return {"promptTokenCount": INPUT, "candidatesTokenCount": OUTPUT - 2, "thoughtsTokenCount": 2,
                "totalTokenCount": INPUT + OUTPUT, "cachedContentTokenCount": CACHE_READ}

    def chunk(self, parts, finish=None):
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        return {"candidates": [candidate], "usageMetadata": self.usage(), "modelVersion": "gemini-2.5-flash", "responseId": "g-up"}

    def parts(self, plan):
        parts = [{"text": plan.thought, "thought": True}] if plan.thought else []
        parts += [{"text": word} for word in plan.words]
        for number, (name, arguments) in enumerate(plan.calls):
            part = {"functionCall": {"name": name, "args": arguments}}
            # Only the first of parallel calls is signed.
            if plan.thought and number == 0:
                part["thoughtSignature"] = sign(json.dumps(arguments))
            parts.append(part)
        return parts

    def answer(self, plan):
        parts = [part for part in self.parts(plan) if part.get("thought") or "text" not in part]
        text = [{"text": plan.text}] if plan.words else []
        return self.chunk(parts[:1] + text + parts[1:] if plan.thought else text + parts, "STOP")

    def events(self, plan):
        data = lambda value: f"data: {json.dumps(value)}\r\n\r\n".encode()
        parts = self.parts(plan)
        for part in parts[:-1]:
            yield data(self.chunk([part]))
            if "text" in part and not part.get("thought"):
                yield None
                if plan.breaks == "midstream":
                    yield data(error(503, "UNAVAILABLE", MESSAGES["midstream"]))
                    return
        yield data(self.chunk(parts[-1:], "STOP"))

    def refusal(self, text):
        return 400, error(400, "INVALID_ARGUMENT", text)

    def failure(self, kind):
        if kind == "context":
            return 400, error(400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).")
        if kind == "auth":
            return 400, error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key. " + MESSAGES["auth"])
        status, name = ERRORS[kind]
        return status, error(status, name, MESSAGES[kind])


def check_contents(contents):
    require(contents, "contents is not specified")
    seen, open_calls, is_signed = Seen(), [], False
    for content in contents:
        require(content.get("role") in ("user", "model"), "Please use a valid role: user, model.")
        require(content.get("parts"), "contents.parts must not be empty")
        results = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        if open_calls:
            require(len(results) == len(open_calls), "the number of function response parts must equal the number of function call parts")
            require(sorted(result["name"] for result in results) == sorted(open_calls), "function response names differ from the calls'")
        else:
            require(not results, "function response turn comes immediately after a function call turn")
        open_calls = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
        if results or not any("text" in part for part in content["parts"]) or content["role"] == "model":
            seen.results = []
        for part in content["parts"]:
            known(part, {"text", "thought", "thoughtSignature", "inlineData", "fileData", "functionCall", "functionResponse", "videoMetadata", "mediaResolution"}, "parts: Unknown name ")
            check_part(part, seen, content["role"])
        is_signed = is_signed or any("functionCall" in part and "thoughtSignature" in part for part in content["parts"])
    require(not open_calls, "function calls without responses")
    # As Gemini 3 does; the prompt says that the call it stands for was signed.
    unsigned = seen.results and seen.prompt.startswith("think") and not is_signed
    require(not unsigned, "Function call is missing a thought_signature in functionCall parts.")
    return seen


def check_part(part, seen, role):
    if "functionResponse" in part:
        response = part["functionResponse"]["response"]
        require(isinstance(response, dict), "function_response.response must be a Struct")
        value = response.get("content", response.get("result", response.get("output", response)))
        seen.results.append(value if isinstance(value, str) else json.dumps(value))
    elif "functionCall" in part:
        require(isinstance(part["functionCall"].get("args", {}), dict), "function_call.args must be a Struct")
        if "thoughtSignature" in part:
            require(standard(part["thoughtSignature"]) == sign(json.dumps(part["functionCall"]["args"])), "Thought signature is not valid")
    elif "inlineData" in part:
        require(part["inlineData"]["mimeType"] and is_base64(standard(part["inlineData"]["data"])), "inline_data: bad blob")
        seen.images += 1
    elif "text" in part and role == "user":
        seen.prompt, seen.results = part["text"], []


def standard(text):
    """Protobuf's JSON takes both alphabets of base64, with padding or without; Google's own SDK writes the second."""
    text = text.replace("-", "+").replace("_", "/")
    return text + "=" * (-len(text) % 4)


def check_schema(schema):
    known(schema, SCHEMA, "function_declarations.parameters: Unknown name ")
    for inner in schema.get("properties", {}).values():
        check_schema(inner)
    if "items" in schema:
        check_schema(schema["items"])
