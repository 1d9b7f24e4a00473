"""What a refusal by the gateway looks like (contract section 3)."""

import json

CODES = {
    400: "BadRequestException",
    401: "UnauthorizedClientException",
    403: "ForbiddenException",
    404: "NotFoundException",
    408: "BadRequestException",
    413: "BadRequestException",
    414: "BadRequestException",
    417: "BadRequestException",
    429: "ThrottledClientException",
    431: "BadRequestException",
    500: "ServiceFailureException",
    501: "BadRequestException",
    503: "ServiceUnavailableException",
    504: "ServiceUnavailableException",
    505: "BadRequestException",
}


def refusal(answer, status, reason):
    """Asserts the shape of a refusal; `reason` is what `countersign-reason` begins with. Returns the message."""
    assert answer.status == status, answer
    assert answer.all("x-amzn-ErrorType") == [CODES[status]], answer
    assert answer.all("content-type") == ["application/json"], answer
    assert answer.all("countersign-origin") == ["gateway"], answer
    assert len(answer.all("countersign-id")) == 1 and answer.first("countersign-id"), answer
    assert len(answer.all("x-amzn-RequestId")) == 1 and answer.first("x-amzn-RequestId"), answer
    assert answer.first("countersign-reason", "").startswith(reason), answer
    body = json.loads(answer.body)
    assert set(body) == {"Code", "Message"} and body["Code"] == CODES[status], answer
    assert len(body["Message"].split()) > 4, answer
    return body["Message"]


def relayed(answer, status):
    """Asserts the marks of an answer that came from the upstream."""
    assert answer.status == status, answer
    assert answer.all("countersign-origin") == ["upstream"], answer
    assert len(answer.all("countersign-id")) == 1, answer
    assert answer.all("countersign-reason") == [], answer
