"""botocore's own signature, stage by stage, for a time and options that the caller chooses."""

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import normalize_url_path
from urllib.parse import quote


class _PathRules:
    """The two path switches, which botocore has as subclasses for S3 only."""

    normalize_path = True
    double_encode = True

    def _normalize_url_path(self, path):
        path = path or "/"
        if self.normalize_path:
            path = normalize_url_path(path)
        return quote(path, safe="/~") if self.double_encode else path


class FieldAuth(_PathRules, SigV4Auth):
    pass


class QueryAuth(_PathRules, SigV4QueryAuth):
    pass


def _auth(kind, case):
    credentials = Credentials(case["accessKeyId"], case["secretAccessKey"], case.get("sessionToken"))
    auth = kind(credentials, case["service"], case["region"])
    auth.normalize_path = case.get("normalizePath", True)
    auth.double_encode = case.get("doubleEncode", True)
    return auth


def _request(case):
    """`headers` are "Name: value" lines; `params`, where given, are decoded pairs that stand for the query."""
    params = [tuple(pair) for pair in case.get("params") or []]
    request = AWSRequest(method=case["method"], url=case["url"], data=case.get("data", ""), params=params)
    for line in case.get("headers", []):
        name, _, value = line.partition(":")
        # Blanks around a value are no part of it (RFC 9110 section 5.5); botocore would copy them into the payload hash line.
        request.headers[name] = value.strip() if name.lower() == "x-amz-content-sha256" else value
    request.context["timestamp"] = case["at"].replace("-", "").replace(":", "")
    return request


def _stages(auth, request):
    canonical_request = auth.canonical_request(request)
    string_to_sign = auth.string_to_sign(request, canonical_request)
    signature = auth.signature(string_to_sign, request)
    return {"canonicalRequest": canonical_request, "stringToSign": string_to_sign, "signature": signature}


def sign_fields(case):
    auth = _auth(FieldAuth, case)
    request = _request(case)
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    token = case.get("sessionToken")
    if token and case.get("signSessionToken", True):
        request.headers["X-Amz-Security-Token"] = token
    stages = _stages(auth, request)
    auth._inject_signature_to_request(request, stages["signature"])
    stages["authorization"] = request.headers["Authorization"]
    return stages


def presign(case):
    auth = _auth(QueryAuth, case)
    auth._expires = case["expires"]
    token = case.get("sessionToken")
    if not case.get("signSessionToken", True):
        auth.credentials.token = None
    request = _request(case)
    auth._modify_request_before_signing(request)
    if case.get("doubleEncode") is False and case["service"] == "s3":
        auth.payload = lambda request: "UNSIGNED-PAYLOAD"
    stages = _stages(auth, request)
    return {**stages, "authorization": None}


def sign(case):
    return presign(case) if case.get("presign") else sign_fields(case)


def signing_key(case):
    """The derived key in hex, by botocore's own HMAC."""
    auth = _auth(FieldAuth, case)
    key = f"AWS4{case['secretAccessKey']}".encode()
    for part in (case["at"].replace("-", "")[:8], case["region"], case["service"], "aws4_request"):
        key = auth._sign(key, part)
    return key.hex()


