import NIOCore
import NIOPosix
import Testing

@testable import ChimeDouble

struct ChimeDoubleServerTests {
    /// Sends `text` and reads until the server closes the connection.
    private func exchange(_ text: String, port: Int) async throws -> String {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: text))
            var answer = ""
            for try await part in inbound { answer += String(buffer: part) }
            return answer
        }
    }

    private func wireText(_ request: ReceivedRequest, more: String = "Connection: close\r\n") -> String {
        "\(request.method) \(request.target) HTTP/1.1\r\n" + request.headers.map { "\($0.name): \($0.value)\r\n" }.joined() + more + "\r\n"
    }

    @Test func answersOverTheWire() async throws {
        var options = ChimeDoubleOptions()
        options.clock = { SignedExample.noon }
        let server = try await ChimeDoubleServer.start(group: .singletonMultiThreadedEventLoopGroup, options: options)
        let signed = try SignedExample().request()

        let deleted = try await exchange(wireText(signed), port: server.port)
        #expect(deleted.hasPrefix("HTTP/1.1 204 No Content\r\n"))
        #expect(deleted.contains("x-amzn-RequestId: "))
        #expect(deleted.lowercased().contains("content-length") == false)

        let refused = try await exchange(
            "DELETE /phone-numbers/%2B12065550101 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", port: server.port)
        #expect(refused.hasPrefix("HTTP/1.1 403 "))
        #expect(refused.contains("x-amzn-ErrorType: MissingAuthenticationTokenException\r\n"))
        #expect(refused.contains("Content-Type: application/json\r\n"))

        // Two at once on one connection, answered in order.
        let pipelined = try await exchange(wireText(signed, more: "") + wireText(signed), port: server.port)
        #expect(pipelined.ranges(of: "HTTP/1.1 204").count == 2)

        #expect(server.requests.map(\.status) == [204, 403, 204, 204])
        #expect(server.requests.map(\.isSignatureVerified) == [true, false, true, true])
        #expect(server.requests[0].request.target == "/phone-numbers/%2B12065550100")
        #expect(server.phoneNumbers.first?.restorableUntil == SignedExample.noon + PhoneNumber.deletionQueueMilliseconds)

        let listed = try await exchange("GET /_double/requests HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", port: server.port)
        #expect(listed.contains(#""signatureVerified":true,"canonicalRequest":"DELETE\n/phone-numbers/%252B12065550100\n\nhost:"#))
        let forgotten = try await exchange("DELETE /_double/requests HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", port: server.port)
        #expect(forgotten.hasPrefix("HTTP/1.1 204 "))
        #expect(server.requests.isEmpty)
        try await server.stop()
    }

    @Test func stopClosesIdleConnections() async throws {
        let server = try await ChimeDoubleServer.start(group: .singletonMultiThreadedEventLoopGroup)
        async let idle = exchange("GET /_double/requests HTTP/1.1\r\nHost: a\r\n\r\n", port: server.port)
        // The connection is known to the server once its answer is on the way; poll for that rather than for a time.
        while server.connectionCount == 0 { await Task.yield() }
        try await server.stop()
        _ = try? await idle
        await #expect(throws: (any Error).self) {
            try await exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", port: server.port)
        }
    }

    @Test func remembersTheLastRequestsOnly() {
        let recorder = RequestRecorder(capacity: 3)
        for index in 0..<10 {
            recorder.append(
                RecordedRequest(
                    request: ReceivedRequest(method: "GET", target: "/\(index)", headers: []), isSignatureVerified: false,
                    canonicalRequest: nil,
                    status: 404, receivedAt: 0))
        }
        #expect(recorder.all.map(\.request.target) == ["/7", "/8", "/9"])
    }
}
