"""The one 429 of the contract, read strictly: the exact set of fields, their form, and the body."""

import json

import http_sf

FIELDS = {
    "x-amzn-errortype", "content-type", "x-amzn-requestid", "date", "countersign-id", "countersign-origin", "countersign-reason",
    "retry-after", "x-amz-retry-after", "ratelimit-policy", "ratelimit", "content-length",
}  # fmt: skip
CODES = {"modeled": "ThrottledClientException", "retryable": "ThrottlingException"}


def one_429(answer, reason, origin="gateway", style="modeled", limit=True):
    """Asserts all that holds for every 429 and returns (milliseconds to wait, message). `limit`: whether the route has limits."""
    assert answer.status == 429, answer
    names = [name.lower() for name, _ in answer.headers]
    assert len(names) == len(set(names)), answer
    assert set(names) == (FIELDS if limit else FIELDS - {"ratelimit", "ratelimit-policy"}), answer
    assert answer.first("x-amzn-ErrorType") == CODES[style]
    assert answer.first("content-type") == "application/json"
    assert answer.first("countersign-origin") == origin
    assert answer.first("countersign-reason") == reason
    body = json.loads(answer.body)
    assert set(body) == {"Code", "Message"} and body["Code"] == CODES[style]
    assert len(body["Message"].split()) > 4
    seconds, milliseconds = int(answer.first("retry-after")), int(answer.first("x-amz-retry-after"))
    # Whole seconds: the milliseconds rounded up, and neither is ever 0.
    assert milliseconds >= 1 and seconds == max(1, -(-milliseconds // 1000)), answer
    if limit:
        [(name, parameters)] = items(answer, "ratelimit")
        assert parameters == {"r": 0, "t": seconds}, answer
        if reason.startswith("limit/"):
            assert name == reason.removeprefix("limit/")
        assert name in dict(items(answer, "ratelimit-policy"))
    return milliseconds, body["Message"]


def items(answer, name):
    """A structured-field list of strings with integer parameters (RFC 9651), as [(string, {parameter: integer})]."""
    [value] = answer.all(name)
    parsed = http_sf.parse(value.encode(), tltype="list")
    for string, parameters in parsed:
        assert type(string) is str and all(type(number) is int for number in parameters.values()), value
    return [(string, dict(parameters)) for string, parameters in parsed]
