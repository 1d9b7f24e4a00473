import NIOCore
import NIOHTTP1

/// One connection: collects a request, has it answered, writes the answer.
final class DoubleHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// No operation here has a body to speak of.
    private static let maximumBodyBytes = 1 << 20

    private let service: DoubleService
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isOversized = false

    init(service: DoubleService) {
        self.service = service
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        service.connections.withLock { $0[ObjectIdentifier(channel)] = channel }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        let identifier = ObjectIdentifier(context.channel)
        service.connections.withLock { $0[identifier] = nil }
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.removeAll(keepingCapacity: true)
            isOversized = false
            if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: .continue))), promise: nil)
            }
        case .body(let buffer):
            if body.count + buffer.readableBytes > Self.maximumBodyBytes {
                isOversized = true
            } else {
                body.append(contentsOf: buffer.readableBytesView)
            }
        case .end:
            guard let head else { return }
            self.head = nil
            respond(to: head, context: context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func respond(to head: HTTPRequestHead, context: ChannelHandlerContext) {
        let response: DoubleResponse
        if isOversized {
            response = DoubleResponse(
                status: 413, errorType: "RequestEntityTooLargeException", body: #"{"Message":"The body is too large."}"#)
        } else {
            response = service.answer(
                ReceivedRequest(
                    method: head.method.rawValue, target: head.uri, headers: head.headers.map { ($0.name, $0.value) }, body: body))
        }
        var headers: HTTPHeaders = [
            "x-amzn-RequestId": RequestIdentifier.random(), "Date": CivilTime.httpDate(milliseconds: service.options.clock()),
        ]
        if let errorType = response.errorType { headers.add(name: "x-amzn-ErrorType", value: errorType) }
        // A 204 has no body and so no Content-Length (RFC 9110 section 8.6).
        if response.status != 204 {
            headers.add(name: "Content-Type", value: "application/json")
            headers.add(name: "Content-Length", value: String(response.body.utf8.count))
        }
        let isKeptAlive = head.isKeepAlive && !isOversized
        if !isKeptAlive { headers.add(name: "Connection", value: "close") }
        let answer = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
        context.write(wrapOutboundOut(.head(answer)), promise: nil)
        if !response.body.isEmpty {
            context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(string: response.body)))), promise: nil)
        }
        let written = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !isKeptAlive {
            let channel = context.channel
            written.whenComplete { _ in channel.close(promise: nil) }
        }
    }
}

/// A version 4 UUID (RFC 9562 section 5.4), the form of `x-amzn-RequestId`.
enum RequestIdentifier {
    static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        var digits = Array((hexadecimal(generator.next()) + hexadecimal(generator.next())).utf8)
        digits[12] = UInt8(ascii: "4")
        digits[16] = Array("89ab".utf8)[Int(generator.next() as UInt64 % 4)]
        let text = String(decoding: digits, as: UTF8.self)
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
            .map { range in String(text.dropFirst(range.lowerBound).prefix(range.count)) }
            .joined(separator: "-")
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
