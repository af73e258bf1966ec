"""One address for several adapters: finds the llama.cpp that a request's `model` means, and puts the request as in training.

{"model": "products", "messages": [{"role": "user", "content": "<h1>X200</h1>"}]}
    ->  to the llama.cpp of products: [{"role": "user", "content": "# X200"}]

Everything else of the protocol (streaming, stops, JSON schemas, token counts, what is wrong with a request) is llama.cpp's.
"""

import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Served:
    """One adapter: where its llama.cpp listens, and how it was trained to be asked; no system: its template has it always."""

    url: str
    system: str | None
    clean: Callable[[str], str]

    def put(self, messages: Any) -> Any:
        """The messages with users' texts cleaned; a dialogue is put under the trained system prompt if it brings none.

        One question alone is left alone: the template of `serve` has the system prompt for it.
        """
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            return messages  # llama.cpp says what is wrong with it
        put = [{**message, "content": self._content(message)} for message in messages]
        roles = [message.get("role") for message in put]
        if self.system is None or roles == ["user"] or "system" in roles:
            return put
        return [{"role": "system", "content": self.system}, *put]

    def _content(self, message: dict[str, Any]) -> Any:
        content = message.get("content")
        if message.get("role") != "user":
            return content
        if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
            content = "\n".join(str(part.get("text", "")) for part in content)
        return self.clean(content) if isinstance(content, str) else content


def refusal(status: int, code: str, message: str) -> JSONResponse:
    """An error as OpenAI's clients expect it."""
    return JSONResponse({"error": {"message": message, "type": "invalid_request_error", "code": code}}, status)


async def _passed_on(reply: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for part in reply.aiter_raw():
            yield part
    finally:  # also when the client has gone: llama.cpp then stops writing
        await reply.aclose()


class Front:
    """Answers for all adapters.

    Args:
        served: the adapters by name.
        token: the key of the llama.cpp servers, which nobody else knows.
        key: what clients must show, or None.
        defaults: of requests that do not say otherwise.
    """

    def __init__(self, served: dict[str, Served], token: str, key: str | None, defaults: dict[str, Any]) -> None:
        self._served, self._key, self._defaults = served, key, defaults
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        self._client = httpx.AsyncClient(headers=headers, timeout=None, trust_env=False)  # noqa: S113  # answers take their time

    def _shut_out(self, request: Request) -> JSONResponse | None:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._key is None or hmac.compare_digest(shown.encode(), self._key.encode()):
            return None
        return refusal(401, "invalid_api_key", "wrong or missing API key")

    async def models(self, request: Request) -> Response:
        """GET /v1/models: the adapters."""
        known = [{"id": name, "object": "model", "created": 0, "owned_by": "local"} for name in self._served]
        return self._shut_out(request) or JSONResponse({"object": "list", "data": known})

    async def complete(self, request: Request) -> Response:
        """POST /v1/chat/completions, and /v1/completions: there the prompt is passed on as it is."""
        if refused := self._shut_out(request):
            return refused
        try:
            body = json.loads(await request.body())
        except (ValueError, RecursionError) as error:
            return refusal(400, "bad_json", f"the request is not JSON: {error}")
        name = body.get("model") if isinstance(body, dict) else None
        served = self._served.get(name) if isinstance(name, str) else None
        if served is None:
            return refusal(404, "model_not_found", f"no model {name!r}; there are {', '.join(self._served)}")
        body = {**self._defaults, **body}
        if "max_completion_tokens" in body:
            body["max_tokens"] = body.pop("max_completion_tokens")
        if "messages" in body:
            body["messages"] = await run_in_threadpool(served.put, body["messages"])  # a page can take a second
        sent = json.dumps(body).encode()  # httpx's own encoder stops at half a surrogate pair
        asked = self._client.build_request("POST", served.url + request.url.path, content=sent, headers=JSON)
        try:
            reply = await self._client.send(asked, stream=True)
        except httpx.TransportError as error:
            return refusal(502, "no_answer", f"llama.cpp does not answer: {error}")
        return StreamingResponse(_passed_on(reply), reply.status_code, media_type=reply.headers.get("content-type"))

    def app(self, hosts: list[str]) -> Starlette:
        """The application; under other names than `hosts` it answers nobody, so that no web page can rebind its name."""
        routes = [
            Route("/v1/models", self.models),
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
            Route("/v1/completions", self.complete, methods=["POST"]),
        ]
        return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)])
