"""botocore's reading of Signature Version 4, applied to what arrived at an upstream."""

import botocore.auth
import botocore.awsrequest
import botocore.credentials


def expected_signature(request, authority, secret_key, access_key, token=None, scheme="http", service="chime", region="us-east-1"):
    """The signature that botocore computes for the signed fields of `request` as they arrived."""
    parts = claimed(request)
    signed = {}
    for name in parts["SignedHeaders"].split(";"):
        assert request.all(name), f"{name} is signed but did not arrive"
        signed[name] = ",".join(request.all(name))
    again = botocore.awsrequest.AWSRequest(
        method=request.method, url=f"{scheme}://{authority}{request.target}", headers=signed, data=request.body
    )
    again.context["timestamp"] = request.first("x-amz-date")
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(access_key, secret_key, token), service, region)
    # botocore would sign every field of `again` but those on its own list of exceptions; none of those may be signed here.
    assert sorted(signer.headers_to_sign(again)) == sorted(parts["SignedHeaders"].split(";"))
    canonical = signer.canonical_request(again)
    return signer.signature(signer.string_to_sign(again, canonical), again), canonical


def claimed(request):
    """The parts of the Authorization field that arrived."""
    fields = request.all("authorization")
    assert len(fields) == 1, fields
    algorithm, _, rest = fields[0].partition(" ")
    assert algorithm == "AWS4-HMAC-SHA256"
    return dict(part.strip().split("=", 1) for part in rest.split(","))
