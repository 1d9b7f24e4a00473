import Digests
import GatewayCore
import NIOCore
import SigV4

/// A request ready for the wire: head, signature and body in one buffer. Made by `SigningStage` alone; the upstream pool takes nothing else.
struct SignedRequest {
    let bytes: ByteBuffer
    /// How many of them are the head, its empty line included.
    let headCount: Int
    let isHEAD: Bool

    fileprivate init(bytes: ByteBuffer, headCount: Int, isHEAD: Bool) {
        self.bytes = bytes
        self.headCount = headCount
        self.isHEAD = isHEAD
    }
}

/// Writes and signs what goes upstream. One for each event loop and upstream; the signing key is derived once a day inside.
final class SigningStage {
    private let target: UpstreamTarget
    private let signer: RequestSigner
    private let sha256: SHA256Context
    private var live: LiveCredentials?
    /// Of `live`; the keeper's moves on when there are others.
    private var generation: UInt64 = 0
    private var head: [UInt8] = []
    private var payloadHash: [UInt8] = []

    init(target: UpstreamTarget) throws(DigestError) {
        self.target = target
        signer = try RequestSigner(service: target.settings.service, region: target.settings.region)
        sha256 = try SHA256Context()
        head.reserveCapacity(2048)
    }

    /// What to sign with at this moment; nil where there is nothing, or nothing that is still good.
    func credentials() -> LiveCredentials? {
        let newest = target.credentials.generation
        if newest != generation {
            live = target.credentials.live
            generation = newest
        }
        guard let live else { return nil }
        // The clock is read for those alone that end, and whose end that is counts by the service's time, not by this machine's.
        if let usableUntil = live.usableUntil {
            let correction = target.clock.known ?? target.credentials.correction
            if Clock.wallMilliseconds() + correction >= usableUntil { return nil }
        }
        return live
    }

    /// The bytes signed are the bytes sent: both come from `recorded.wirePath`, the canonical query and the body at hand.
    ///
    /// - Parameters:
    ///   - credentials: from `credentials()`.
    ///   - epochSeconds: the time of the signature; each attempt is signed afresh with its own.
    func sign(
        _ recorded: RecordedRequest, route: RouteTable.Route, body: ByteBuffer?, credentials: LiveCredentials, epochSeconds: Int64
    ) throws(DigestError) -> SignedRequest {
        let matched = recorded.admitted.authorized.matched
        let request = recorded.head
        head.removeAll(keepingCapacity: true)
        let sendsLength = body != nil || route.rule.allowsBody
        UpstreamHead.append(
            method: route.methodBytes, wirePath: matched.wirePath, query: matched.query, host: target.authority, head: request,
            bodyLength: sendsLength ? body?.readableBytes ?? 0 : nil, to: &head)
        try authorize(matched, route: route, request: request, body: body, credentials.credentials, epochSeconds: epochSeconds)
        FieldBytes.append("\r\n", to: &head)
        var bytes = ByteBufferAllocator().buffer(capacity: head.count + (body?.readableBytes ?? 0))
        bytes.writeBytes(head)
        if var body { bytes.writeBuffer(&body) }
        return SignedRequest(bytes: bytes, headCount: head.count, isHEAD: route.methodBytes.elementsEqual("HEAD".utf8))
    }

    private func authorize(
        _ matched: MatchedRequest, route: RouteTable.Route, request: RequestHead, body: ByteBuffer?, _ credentials: Credentials,
        epochSeconds: Int64
    ) throws(DigestError) {
        if let body, body.readableBytes > 0 { hash(body) } else { payloadHash = Self.emptyPayloadHash }
        if sha256.hasFailed { throw .operationFailed }
        // Signed only where it stands once: a repeated field is sent as it came and left out of the signature.
        // One that `Connection` names does not travel on, so it is not signed either.
        let types = request.fields.travellingLines(of: .contentType)
        let contentType = types.count == 1 ? types.first?.value : nil
        var failure: DigestError?
        route.methodBytes.withUnsafeBytes { method in
            matched.wirePath.withUnsafeBytes { path in
                matched.query.withUnsafeBytes { query in
                    target.authority.withUnsafeBytes { host in
                        payloadHash.withUnsafeBytes { payload in
                            request.fields.bytes.withUnsafeBytes { fields in
                                do throws(DigestError) {
                                    try signer.authorize(
                                        method: method, wirePath: path, canonicalQuery: query, host: host,
                                        contentType: contentType.map { UnsafeRawBufferPointer(rebasing: fields[$0.range]) },
                                        payloadHash: payload, credentials: credentials, epochSeconds: epochSeconds,
                                        appendingFieldLinesTo: &head)
                                } catch { failure = error }
                            }
                        }
                    }
                }
            }
        }
        if let failure { throw failure }
    }

    private func hash(_ body: ByteBuffer) {
        var digest = [UInt8](repeating: 0, count: SHA256Context.byteCount)
        digest.withUnsafeMutableBytes { output in
            guard let output = output.baseAddress else { return }
            _ = body.withUnsafeReadableBytes { sha256.digest($0, into: output) }
        }
        payloadHash.removeAll(keepingCapacity: true)
        digest.withUnsafeBytes { Hex.append($0, to: &payloadHash) }
    }

    private static let emptyPayloadHash = Array(PayloadHash.emptyHex.description.utf8)
}
