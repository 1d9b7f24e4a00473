import Digests
import GatewayCore
import SigV4
import Wire

/// What happens to every request, stage by stage, for the DELETE that `wrk` sends.
enum RequestParts {
    static let requestText = """
        DELETE /phone-numbers/%2B12065550100 HTTP/1.1\r
        Host: 127.0.0.1:8080\r
        User-Agent: bench\r
        Accept: */*\r
        \r

        """
    static let answerText = """
        HTTP/1.1 204 No Content\r
        Date: Tue, 01 Dec 2026 08:00:00 GMT\r
        x-amzn-RequestId: 5f3c2a10-0000-4000-8000-000000000000\r
        \r

        """
    static let id = Array("0190163d-8694-739b-aea5-966c26f8ad91".utf8)
    static let host = Array("service.chime.aws.amazon.com".utf8)
    static let wirePath = Array("/phone-numbers/%2B12065550100".utf8)
    static let method = Array("DELETE".utf8)

    static let limits = [
        LimitRule(
            name: "account", rate: Rate(count: 1_000_000, periodNanoseconds: 1_000_000_000), burst: 1_000_000, scope: .upstream,
            maxWaitNanoseconds: 250_000_000, isAdaptive: true),
        LimitRule(
            name: "fair-share", rate: Rate(count: 500_000, periodNanoseconds: 1_000_000_000), burst: 500_000, scope: .caller),
        LimitRule(name: "fuse", rate: Rate(count: 500, periodNanoseconds: 86_400_000_000_000), burst: 1_000_000, scope: .caller),
    ]
    static let routes = [
        RouteRule(
            operation: "DeletePhoneNumber", method: "DELETE", template: "/phone-numbers/{phoneNumberId}",
            segments: [.literal("phone-numbers"), .parameter("phoneNumberId")], upstream: "chime",
            parameters: [ParameterRule(name: "phoneNumberId", format: .e164, deny: ["+12065550199"])], limits: limits.map(\.name))
    ]

    static func all() throws -> [Part] {
        try [parseRequest(), identifyAndRoute(), limiter(), head(), sign(), parseAnswer(), relayedFields()]
    }

    // Not optimised: Swift 6.3.1 returns these heads uninitialised when it does. They are made before anything is measured.
    @_optimize(none)
    static func requestHead() -> RequestHead {
        var parser = RequestHeadParser()
        let bytes = Array(requestText.utf8)
        switch bytes.withUnsafeBytes({ parser.parse($0) }) {
        case .complete(let head, _): return head
        case .incomplete, .failed: fail("the request was refused")
        }
    }

    @_optimize(none)
    static func responseHead() -> ResponseHead {
        var parser = ResponseHeadParser()
        let bytes = Array(answerText.utf8)
        switch bytes.withUnsafeBytes({ parser.parse($0, requestMethodIsHEAD: false) }) {
        case .complete(let head, _): return head
        case .incomplete, .failed: fail("the answer was refused")
        }
    }

    private static func parseRequest() -> Part {
        let bytes = Array(requestText.utf8)
        return Part(name: "parse the request head") { count in
            var parser = RequestHeadParser()
            for _ in 0..<count { consume(bytes.withUnsafeBytes { parser.parse($0) }) }
        }
    }

    private static func parseAnswer() -> Part {
        let bytes = Array(answerText.utf8)
        return Part(name: "parse the answer's head") { count in
            var parser = ResponseHeadParser()
            for _ in 0..<count { consume(bytes.withUnsafeBytes { parser.parse($0, requestMethodIsHEAD: false) }) }
        }
    }

    private static func identifyAndRoute() throws -> Part {
        let network = try NetworkPrefix(cidr: "127.0.0.1/32")
        let callers = CallerTable(rules: [CallerRule(name: "local", networks: [network])])
        let table = RouteTable(rules: routes)
        let authorizer = Authorizer(routes: table, callers: callers)
        let peer = Peer(address: .ip(IPAddress(v4: 0x7F00_0001)), source: Array("127.0.0.1:50514".utf8))
        let sha256 = try SHA256Context()
        let head = requestHead()
        return Part(name: "identify, route, check the id, authorise") { count in
            for _ in 0..<count {
                guard case .granted(let identified) = callers.identify(head, from: peer, sha256: sha256),
                    case .granted(let matched) = table.match(head, identified),
                    case .granted(let authorized) = authorizer.authorize(matched)
                else { fail("the request was refused") }
                consume(authorized)
            }
        }
    }

    private static func limiter() throws -> Part {
        let plan = try LimitPlan(rules: limits, routes: routes, upstreams: ["chime"], callers: ["local"])
        return Part(name: "limiter, three limits") { count in
            var table = LimitTable(plan: plan)
            // A clock that goes as the hot path's would at 100,000 requests a second.
            var now: UInt64 = 1_000_000_000_000
            for index in 0..<count {
                if index % 500_000 == 499_999 { table = LimitTable(plan: plan) }
                now += 10_000
                guard case .admitted(let reading) = table.take(AdmissionRequest(route: 0, caller: 0, arrival: now), now: now) else {
                    fail("the limiter refused")
                }
                table.upstreamSucceeded(route: 0, now: now)
                consume(reading)
            }
        }
    }

    private static func head() -> Part {
        let request = requestHead()
        return Part(name: "write the upstream's head") { count in
            var output: [UInt8] = []
            output.reserveCapacity(2048)
            for _ in 0..<count {
                output.removeAll(keepingCapacity: true)
                UpstreamHead.append(method: method, wirePath: wirePath, query: [], host: host, head: request, bodyLength: nil, to: &output)
            }
            consume(output)
        }
    }

    private static func sign() throws -> Part {
        let signer = try RequestSigner(service: "chime", region: "us-east-1")
        let credentials = Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        let payload = Array(PayloadHash.emptyHex.description.utf8)
        return Part(name: "sign") { count in
            var output: [UInt8] = []
            output.reserveCapacity(2048)
            for _ in 0..<count {
                output.removeAll(keepingCapacity: true)
                method.withUnsafeBytes { method in
                    wirePath.withUnsafeBytes { path in
                        host.withUnsafeBytes { host in
                            payload.withUnsafeBytes { payload in
                                do {
                                    try signer.authorize(
                                        method: method, wirePath: path, canonicalQuery: UnsafeRawBufferPointer(start: nil, count: 0),
                                        host: host,
                                        contentType: nil, payloadHash: payload, credentials: credentials, epochSeconds: 1_796_112_000,
                                        appendingFieldLinesTo: &output)
                                } catch { fail("signing failed") }
                            }
                        }
                    }
                }
            }
            consume(output)
        }
    }

    private static func relayedFields() throws -> Part {
        let plan = try LimitPlan(rules: limits, routes: routes, upstreams: ["chime"], callers: ["local"])
        let fields = ThrottleFields(plan: plan)
        let answer = responseHead()
        let reading = LimitReading(limit: 0, remaining: 499_983, resetSeconds: 1)
        return Part(name: "write the caller's fields, RateLimit included") { count in
            var output: [UInt8] = []
            output.reserveCapacity(2048)
            for _ in 0..<count {
                output.removeAll(keepingCapacity: true)
                AnswerFields.appendRelayed(answer, id: id, to: &output)
                fields.append(reading, to: &output)
            }
            consume(output)
        }
    }
}
