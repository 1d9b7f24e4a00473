"""Writes Tests/SigV4Tests/Vectors: every stage by botocore, and for published examples checked against what AWS published.

    python Tests/Peers/sigv4/make_vectors.py
"""

import json
import pathlib

from botocore_stages import sign, signing_key

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "SigV4Tests" / "Vectors"

EXAMPLE = {
    "accessKeyId": "AKIDEXAMPLE",
    "secretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "region": "us-east-1",
    "service": "service",
    "at": "2015-08-30T12:36:00Z",
}
S3 = {
    "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
    "secretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "region": "us-east-1",
    "service": "s3",
    "at": "2013-05-24T00:00:00Z",
    "normalizePath": False,
    "doubleEncode": False,
}
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
HOST = "https://example.amazonaws.com"
BUCKET = "https://examplebucket.s3.amazonaws.com"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI"
    "/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT"
    "38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)


def case(name, method, target, published=None, base=EXAMPLE, host=HOST, **more):
    return {**base, "name": name, "method": method, "url": host + target, "published": published, **more}


# The signature that AWS publishes stands third: in the IAM Guide ("Create a signed AWS API request", example ListUsers),
# in the Signature Version 4 test suite, and in the S3 API reference ("Examples: Signature Calculations", "Query String
# Authentication", "Chunked Upload": the seed signature).
PUBLISHED = [
    case("iam-list-users", "GET", "/?Action=ListUsers&Version=2010-05-08",
         "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7", host="https://iam.amazonaws.com", service="iam",
         headers=["Content-Type: application/x-www-form-urlencoded; charset=utf-8"],
         publishedSigningKey="c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"),
    case("get-vanilla", "GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    case("get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    case("get-vanilla-empty-query-key", "GET", "/?Param1=value1",
         "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
    case("get-vanilla-utf8-query", "GET", "/?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
         params=[["ሴ", "bar"]]),
    case("get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
         "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
    case("get-utf8", "GET", "/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    case("get-space", "GET", "/example space/", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
    case("get-slash", "GET", "//", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    case("get-slash-dot-slash", "GET", "/./", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    case("get-slash-pointless-dot", "GET", "/./example", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
    case("get-slashes", "GET", "//example//", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
    case("get-relative", "GET", "/example/..", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    case("get-relative-relative", "GET", "/example1/example2/../..",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    case("get-header-key-duplicate", "GET", "/", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
         headers=["My-Header1:value2", "My-Header1:value2", "My-Header1:value1"]),
    case("get-header-value-order", "GET", "/", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
         headers=["My-Header1:value4", "My-Header1:value1", "My-Header1:value3", "My-Header1:value2"]),
    case("get-header-value-trim", "GET", "/", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
         headers=["My-Header1: value1", "My-Header2: \"a   b   c\""]),
    case("post-vanilla", "POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    case("post-vanilla-query", "POST", "/?Param1=value1", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
    case("post-header-key-sort", "POST", "/", "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
         headers=["My-Header1:value1"]),
    case("post-header-value-case", "POST", "/", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
         headers=["My-Header1:VALUE1"]),
    case("post-x-www-form-urlencoded", "POST", "/", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
         headers=["Content-Type:application/x-www-form-urlencoded"], data="Param1=value1"),
    case("post-sts-header-before", "POST", "/", "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
         sessionToken=TOKEN),
    case("post-sts-header-after", "POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
         sessionToken=TOKEN, signSessionToken=False),
    case("s3-get-object", "GET", "/test.txt", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", base=S3,
         host=BUCKET, headers=["Range:bytes=0-9", f"x-amz-content-sha256:{EMPTY}"]),
    case("s3-put-object", "PUT", "/test%24file.text", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd", base=S3,
         host=BUCKET, data="Welcome to Amazon S3.",
         headers=["Date:Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class:REDUCED_REDUNDANCY",
                  "x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"]),
    case("s3-get-lifecycle", "GET", "/?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543", base=S3,
         host=BUCKET, headers=[f"x-amz-content-sha256:{EMPTY}"]),
    case("s3-list-objects", "GET", "/?max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
         base=S3, host=BUCKET, headers=[f"x-amz-content-sha256:{EMPTY}"]),
    case("s3-presigned-get", "GET", "/test.txt", "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", base=S3,
         host=BUCKET, presign=True, expires=86400),
    case("s3-chunked-upload-seed", "PUT", "/examplebucket/chunkObject.txt",
         "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", base=S3, host="https://s3.amazonaws.com",
         headers=["x-amz-storage-class:REDUCED_REDUNDANCY", "x-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                  "Content-Encoding:aws-chunked", "x-amz-decoded-content-length:66560", "Content-Length:66824"]),
]

CHIME = {**EXAMPLE, "service": "chime"}
CHIME_HOST = "https://service.chime.aws.amazon.com"
PATHS = {
    "encoded-plus": "/phone-numbers/%2B12065550100",
    "literal-plus": "/phone-numbers/+12065550100",
    "lower-case-hex": "/phone-numbers/%2b12065550100",
    "tilde": "/phone-numbers/~12065550100",
    "encoded-tilde": "/phone-numbers/%7E12065550100",
    "sub-delimiters": "/phone-numbers/*!'()$&,",
    "at-colon-semicolon-equals": "/phone-numbers/:@;=",
    "spaces": "/phone-numbers/a b  c",
    "encoded-space": "/phone-numbers/a%20b",
    "utf8": "/phone-numbers/ünïcode/電話",
    "encoded-utf8": "/phone-numbers/%C3%BC",
    "double-encoded": "/phone-numbers/%252B12065550100",
    "malformed-percent": "/phone-numbers/%zz%",
    "dot-segments": "/a/./b/../c/.",
    "dot-segments-at-end": "/a/b/..",
    "dot-segments-above-root": "/../../a/../..",
    "encoded-dot-segments": "/a/%2E%2E/b/%2e",
    "empty-segments": "//a///b//",
    "empty-path": "",
    "query-less-root": "/",
    "brackets-and-quotes": "/\"<>[]{}|\\^`",
}


def own():
    for name, path in PATHS.items():
        for normalize in (True, False):
            for double in (True, False):
                switches = ("" if normalize else "-as-is") + ("" if double else "-single")
                yield case(f"delete-{name}{switches}", "DELETE", path, base=CHIME, host=CHIME_HOST, normalizePath=normalize,
                           doubleEncode=double)
    for name, query, params in [
        ("plus", "a=1+2", [["a", "1+2"]]),
        ("encoded-plus", "a=1%2B2", [["a", "1+2"]]),
        ("lower-case-hex", "a=1%2b2", [["a", "1+2"]]),
        ("reserved", "a=*!'()&b=:@;=/?", [["a", "*!'()"], ["b", ":@;=/?"]]),
        ("tilde", "a=%7E~", [["a", "~~"]]),
        ("space", "a=x%20y", [["a", "x y"]]),
        ("utf8", "ü=電&b=%C3%BC", [["ü", "電"], ["b", "ü"]]),
        ("repeated-names", "b=2&a=2&b=1&a=10&a=1", [["b", "2"], ["a", "2"], ["b", "1"], ["a", "10"], ["a", "1"]]),
        ("no-value", "b&a=&c=1", [["b", ""], ["a", ""], ["c", "1"]]),
        ("order-by-encoded-name", "a~=1&a%5B=2&a-=3&A=4&a=5&%C3%A9=6&z=7",
         [["a~", "1"], ["a[", "2"], ["a-", "3"], ["A", "4"], ["a", "5"], ["é", "6"], ["z", "7"]]),
        ("name-is-prefix", "ab=1&a=2&a%3Db=3", [["ab", "1"], ["a", "2"], ["a=b", "3"]]),
    ]:
        yield case(f"query-{name}", "GET", f"/phone-numbers?{query}", base=CHIME, host=CHIME_HOST, params=params)
    for name, headers in {
        "blanks": ["X-One:   a   b\t c  ", "X-Two:\t\td"],
        "empty-value": ["X-Empty:", "X-Blank:    "],
        "repeated-with-blanks": ["X-Many:  b  b ", "x-many: a", "X-MANY: "],
        "utf8-value": ["X-Name: Zoë  ☎"],
        "order": ["Zebra: 1", "a-b: 2", "a: 3", "A_c: 4", "a.d: 5"],
        "never-signed": ["User-Agent: x", "Expect: 100-continue", "Connection: close", "TE: trailers", "Keep-Alive: 5",
                         "Transfer-Encoding: chunked", "X-Amzn-Trace-Id: Root=1", "Upgrade: h2c", "Trailer: x",
                         "Proxy-Authorization: Basic eA=="],
        "quoted": ["X-Quoted: \"  a   b  \""],
    }.items():
        yield case(f"fields-{name}", "DELETE", "/phone-numbers/%2B12065550100", base=CHIME, host=CHIME_HOST, headers=headers)
    target = "/phone-numbers/%2B12065550100"
    payloads = {
        "unsigned": "UNSIGNED-PAYLOAD",
        "streaming": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "streaming-trailer": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "streaming-unsigned-trailer": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }
    for name, word in payloads.items():
        yield case(f"payload-{name}", "PUT", target, base=CHIME, host=CHIME_HOST, headers=[f"X-Amz-Content-Sha256: {word}"],
                   data="ignored")
    yield case("payload-text", "POST", "/phone-numbers?operation=batch-delete", base=CHIME, host=CHIME_HOST,
               headers=["Content-Type: application/json"], data='{"PhoneNumberIds":["+12065550100"]}')
    for signed in (True, False):
        when = "before" if signed else "after"
        yield case(f"token-{when}", "DELETE", target, base=CHIME, host=CHIME_HOST, sessionToken=TOKEN, signSessionToken=signed)
        yield case(f"presign-token-{when}", "DELETE", target, base=CHIME, host=CHIME_HOST, sessionToken=TOKEN,
                   signSessionToken=signed, presign=True, expires=900)
    yield case("presign", "DELETE", target, base=CHIME, host=CHIME_HOST, presign=True, expires=1)
    yield case("presign-query", "GET", "/phone-numbers?status=Assigned&max-results=5", base=CHIME, host=CHIME_HOST, presign=True,
               expires=604800)
    yield case("presign-fields", "GET", "/phone-numbers", base=CHIME, host=CHIME_HOST, presign=True, expires=3600,
               headers=["X-Other: a  b", "Accept: */*"])
    yield case("port", "GET", "/", base=CHIME, host="http://127.0.0.1:8080")
    yield case("default-port", "GET", "/", base=CHIME, host="https://Service.Chime.AWS.amazon.com:443")
    for day in ("1970-01-01T00:00:00Z", "2000-02-29T23:59:59Z", "2024-12-31T23:59:59Z", "2100-03-01T00:00:00Z"):
        yield case(f"day-{day[:10]}", "DELETE", target, base=CHIME, host=CHIME_HOST, at=day)


def finished(vector):
    stages = sign(vector)
    key = signing_key(vector)
    published = vector.pop("published")
    published_key = vector.pop("publishedSigningKey", None)
    if published and stages["signature"] != published:
        raise SystemExit(f"{vector['name']}: botocore signs {stages['signature']}, published is {published}\n{stages['canonicalRequest']}")
    if published_key and key != published_key:
        raise SystemExit(f"{vector['name']}: botocore derives another key than the published one")
    vector.pop("params", None)
    return {**vector, "expected": {**stages, "signingKey": key}}


def write(name, vectors):
    text = json.dumps([finished(vector) for vector in vectors], indent=1, ensure_ascii=False, sort_keys=True)
    (VECTORS / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write("published.json", PUBLISHED)
    write("own.json", own())
