import GatewayCore
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing
import Wire

/// A message in the terms that both parsers share.
private struct Meaning: Equatable {
    /// `METHOD TARGET` or the status code.
    var start: String
    var fields: [String]
    var content: [UInt8] = []
}

/// Whatever our codec accepts, NIO's decoder (llhttp) accepts, with the same meaning. It may accept more.
@Suite struct HTTP1OracleTests {
    @Test func requestsOfTheCorpusAgree() {
        for (name, bytes) in HTTP1Corpus.requests + HTTP1Corpus.findings { compareRequests(bytes, "\(name)") }
        for input in EverySplitTests.requests { compareRequests(input.bytes, "\(input.testDescription)") }
    }

    @Test func responsesOfTheCorpusAgree() {
        for (name, bytes) in HTTP1Corpus.responses + HTTP1Corpus.findings {
            for toHEAD in [false, true] { compareResponses(bytes, toHEAD: toHEAD, "\(name), HEAD: \(toHEAD)") }
        }
        for input in EverySplitTests.responses { compareResponses(input.bytes, toHEAD: false, "\(input.testDescription)") }
    }

    @Test(arguments: 1...8)
    func mutatedRequestsAgree(_ seed: UInt64) {
        var mutator = HTTP1Mutator(seed: seed, seeds: HTTP1Corpus.requests.map(\.bytes))
        var accepted = 0
        for _ in 0..<2500 {
            let input = mutator.next()
            accepted += compareRequests(input, "seed \(seed): \(HTTP1Input(input).testDescription)") ? 1 : 0
        }
        // A test that accepted nothing would have compared nothing.
        #expect(accepted > 250)
    }

    @Test(arguments: 1...8)
    func mutatedResponsesAgree(_ seed: UInt64) {
        var mutator = HTTP1Mutator(seed: seed, seeds: HTTP1Corpus.responses.map(\.bytes))
        var accepted = 0
        for round in 0..<2000 {
            let input = mutator.next()
            let toHEAD = round % 8 == 0
            accepted +=
                compareResponses(input, toHEAD: toHEAD, "seed \(seed), HEAD \(toHEAD): \(HTTP1Input(input).testDescription)") ? 1 : 0
        }
        #expect(accepted > 200)
    }

    /// True if there was something to compare.
    @discardableResult
    private func compareRequests(_ input: [UInt8], _ comment: Comment) -> Bool {
        let transcript = HTTP1Transcript.requests(input)
        let ours = transcript.messages.filter(\.isComplete)
        guard !ours.isEmpty, ours.allSatisfy({ isComparable($0.head) }) else { return false }
        let theirs = oracleRequests(Array(input[..<transcript.consumed]))
        #expect(ours.map { meaning($0.head, $0.content) } == Array(theirs.prefix(ours.count)), comment)
        return true
    }

    @discardableResult
    private func compareResponses(_ input: [UInt8], toHEAD: Bool, _ comment: Comment) -> Bool {
        let transcript = HTTP1Transcript.responses(input, toHEAD: toHEAD)
        let ours = transcript.messages.filter(\.isComplete)
        // After an interim response that says close, llhttp reads nothing more; the final response comes all the same (RFC 9110 section 15.2).
        guard !ours.isEmpty, !ours.contains(where: { $0.head.status < 200 && !$0.head.isPersistent }) else { return false }
        guard !ours.contains(where: { hasTabBehindValue($0.head.fields) }) else { return false }
        let theirs = oracleResponses(Array(input[..<transcript.consumed]), toHEAD: toHEAD)
        let mine = ours.map { Meaning(start: "\($0.head.status)", fields: names($0.head.fields), content: $0.content) }
        #expect(mine == Array(theirs.prefix(mine.count)), comment)
        return true
    }

    /// llhttp knows a fixed list of methods, and leaves HTTP/1.1 where it sees an upgrade.
    private func isComparable(_ head: RequestHead) -> Bool {
        if case .RAW = HTTPMethod(rawValue: head.fields.string(head.method)) { return false }
        return head.fields.first(.upgrade) == nil && !hasTabBehindValue(head.fields)
    }

    /// OWS may be a tab (RFC 9110 section 5.6.3), but llhttp knows only spaces behind the values that it acts upon.
    private func hasTabBehindValue(_ fields: FieldSection) -> Bool {
        fields.lines.contains { line in
            [.contentLength, .transferEncoding, .connection].contains(line.kind)
                && fields.bytes[Int(line.value.end)...].prefix { $0 != 0x0D }.contains(0x09)
        }
    }

    private func meaning(_ head: RequestHead, _ content: [UInt8]) -> Meaning {
        Meaning(
            start: "\(head.fields.string(head.method)) \(head.fields.string(head.target))", fields: names(head.fields), content: content)
    }

    private func names(_ section: FieldSection) -> [String] {
        section.lines.map { "\(section.string($0.name)): \(section.string($0.value))" }
    }

    private func oracleRequests(_ input: [UInt8]) -> [Meaning] {
        let channel = EmbeddedChannel(handler: ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
        // What NIO refuses shows as a message that is missing.
        _ = try? channel.writeInbound(ByteBuffer(bytes: input))
        _ = try? channel.finish(acceptAlreadyClosed: true)
        var messages: [Meaning] = []
        var isOpen = false
        while let part = try? channel.readInbound(as: HTTPServerRequestPart.self) {
            switch part {
            case .head(let head):
                messages.append(
                    Meaning(start: "\(head.method) \(originForm(head.uri))", fields: head.headers.map(field)))
                isOpen = true
            case .body(let buffer): messages[messages.count - 1].content += buffer.readableBytesView
            case .end: isOpen = false
            }
        }
        if isOpen { messages.removeLast() }
        return messages
    }

    /// NIO leaves a tab behind a value, which is no part of it (RFC 9112 section 5.1).
    private func field(_ line: (name: String, value: String)) -> String {
        var value = line.value.unicodeScalars
        while value.last == "\t" || value.last == " " { value.removeLast() }
        return "\(line.name): \(value)"
    }

    private func originForm(_ uri: String) -> String {
        guard let range = uri.firstRange(of: "://"), !uri.hasPrefix("/") else { return uri }
        let target = uri[range.upperBound...].drop { $0 != "/" && $0 != "?" }
        return target.hasPrefix("/") ? String(target) : "/\(target)"
    }

    private func oracleResponses(_ input: [UInt8], toHEAD: Bool) -> [Meaning] {
        let channel = EmbeddedChannel()
        let decoder = HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .forward)
        _ = try? channel.pipeline.syncOperations.addHandlers([HTTPRequestEncoder(), ByteToMessageHandler(decoder)])
        let request = HTTPRequestHead(version: .http1_1, method: toHEAD ? .HEAD : .GET, uri: "/")
        _ = try? channel.writeOutbound(HTTPClientRequestPart.head(request))
        _ = try? channel.writeInbound(ByteBuffer(bytes: input))
        _ = try? channel.finish(acceptAlreadyClosed: true)
        var messages: [Meaning] = []
        var isOpen = false
        while let part = try? channel.readInbound(as: HTTPClientResponsePart.self) {
            switch part {
            case .head(let head):
                messages.append(Meaning(start: "\(head.status.code)", fields: head.headers.map(field)))
                isOpen = head.status.code >= 200
            case .body(let buffer): messages[messages.count - 1].content += buffer.readableBytesView
            case .end: isOpen = false
            }
        }
        if isOpen { messages.removeLast() }
        return messages
    }
}
