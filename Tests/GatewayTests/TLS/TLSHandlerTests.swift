import Foundation
import NIOCore
import NIOEmbedded
import Testing
import Wire

@testable import Gateway

/// A client's and a server's pipeline joined in memory.
@Suite struct TLSHandlerTests {
    /// A self-signed certificate for localhost, made once.
    static let pair: TLSCertificateKey = {
        let directory = NSTemporaryDirectory() + "gateway-tls-\(UUID().uuidString)"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", "\(directory)/tls.key", "-out", "\(directory)/tls.crt",
        ]
        process.standardError = FileHandle.nullDevice
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try process.run()
        } catch { fatalError("no test certificate: \(error)") }
        process.waitUntilExit()
        return TLSCertificateKey(certificate: .file("\(directory)/tls.crt"), privateKey: .file("\(directory)/tls.key"))
    }()

    /// What reaches the inside of a pipeline, and the reads that reach the socket.
    final class Recorder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        var data = ByteBuffer()
        var handshake: TLSHandshakeCompleted?
        var inputClosed = 0
        var errors: [TLSError.Kind] = []
        var inactive = false

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.data.writeImmutableBuffer(unwrapInboundIn(data)) }
        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let completed = event as? TLSHandshakeCompleted { handshake = completed }
            if case .inputClosed? = event as? ChannelEvent { inputClosed += 1 }
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if let error = error as? TLSError { errors.append(error.kind) }
        }
        func channelInactive(context: ChannelHandlerContext) { inactive = true }
    }

    final class ReadCounter: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var reads = 0
        func read(context: ChannelHandlerContext) {
            reads += 1
            context.read()
        }
    }

    final class End {
        let channel: EmbeddedChannel
        let recorder = Recorder()
        let counter = ReadCounter()

        init(_ session: TLSSession, timeout: TimeAmount? = nil) throws {
            channel = EmbeddedChannel()
            try channel.pipeline.syncOperations.addHandlers([counter, TLSHandler(session: session, handshakeTimeout: timeout), recorder])
        }

        /// A channel and its pipeline keep each other until it is closed.
        deinit { _ = try? channel.finish(acceptAlreadyClosed: true) }

        func connect() throws { try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 443)).wait() }

        /// What left since the last time, one buffer a write.
        func written() throws -> [ByteBuffer] {
            var found: [ByteBuffer] = []
            while let buffer = try channel.readOutbound(as: ByteBuffer.self) { found.append(buffer) }
            return found
        }
    }

    let client: End
    let server: End

    init() throws {
        let clients = try TLSClientContext(TLSClientOptions(trust: .only(Self.pair.certificate), applicationProtocols: ["h2"]))
        let servers = try TLSServerContext(TLSServerOptions(certificates: [Self.pair]))
        client = try End(TLSSession(client: clients, serverName: "localhost"), timeout: .seconds(5))
        server = try End(TLSSession(server: servers), timeout: .seconds(5))
    }

    func exchange() throws {
        while true {
            let up = try client.written()
            for buffer in up where server.channel.isActive { try server.channel.writeInbound(buffer) }
            let down = try server.written()
            for buffer in down where client.channel.isActive { try client.channel.writeInbound(buffer) }
            if up.isEmpty && down.isEmpty { return }
        }
    }

    func connect() throws {
        try client.connect()
        try server.connect()
        try exchange()
        try #require(client.recorder.handshake?.alpn == "h2" && server.recorder.handshake?.alpn == "h2")
    }

    @Test func carriesBytesAfterTheHandshake() throws {
        try connect()
        #expect(client.recorder.handshake?.identity?.dnsNames == ["localhost"])
        #expect(server.recorder.handshake?.identity == nil)
        client.channel.writeAndFlush(ByteBuffer(string: "ping"), promise: nil)
        server.channel.writeAndFlush(ByteBuffer(repeating: 1, count: 200_000), promise: nil)
        try exchange()
        #expect(server.recorder.data == ByteBuffer(string: "ping"))
        #expect(client.recorder.data.readableBytes == 200_000)
    }

    @Test func writesOnceAFlush() throws {
        try connect()
        let promises = (0..<3).map { _ in client.channel.eventLoop.makePromise(of: Void.self) }
        for promise in promises { client.channel.write(ByteBuffer(string: "part"), promise: promise) }
        #expect(try client.written().isEmpty)
        client.channel.flush()
        let buffers = try client.written()
        #expect(buffers.count == 1)
        for promise in promises { try promise.futureResult.wait() }
        for buffer in buffers { try server.channel.writeInbound(buffer) }
        #expect(server.recorder.data == ByteBuffer(string: "partpartpart"))
    }

    @Test func completesAnEmptyWrite() throws {
        try connect()
        try client.channel.writeAndFlush(ByteBuffer()).wait()
        #expect(try client.written().isEmpty)
    }

    @Test func keepsEarlyWritesForTheHandshake() throws {
        try client.connect()
        let promise = client.channel.eventLoop.makePromise(of: Void.self)
        client.channel.writeAndFlush(ByteBuffer(string: "early"), promise: promise)
        try server.connect()
        try exchange()
        try promise.futureResult.wait()
        #expect(server.recorder.data == ByteBuffer(string: "early"))
    }

    @Test func announcesTheEnd() throws {
        try connect()
        client.channel.writeAndFlush(ByteBuffer(string: "last"), promise: nil)
        client.channel.close(promise: nil)
        for buffer in try client.written() { try server.channel.writeInbound(buffer) }
        #expect(server.recorder.data == ByteBuffer(string: "last") && server.recorder.inputClosed == 1)
        server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        try server.channel.close().wait()
        #expect(server.recorder.inputClosed == 1 && server.recorder.errors.isEmpty && server.recorder.inactive)
        #expect(client.recorder.errors.isEmpty && client.recorder.inactive)
    }

    @Test func reportsACut() throws {
        try connect()
        server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(server.recorder.errors == [.truncated] && server.recorder.inputClosed == 1 && server.channel.isActive)
    }

    @Test func failsWithAnAlertAndCloses() throws {
        try server.connect()
        let promise = server.channel.eventLoop.makePromise(of: Void.self)
        server.channel.writeAndFlush(ByteBuffer(string: "never"), promise: promise)
        try server.channel.writeInbound(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        #expect(server.recorder.errors == [.notTLS] && !server.channel.isActive)
        #expect(throws: TLSError.self) { try promise.futureResult.wait() }
    }

    @Test func sendsTheAlert() throws {
        let strangers = try TLSClientContext(TLSClientOptions())
        let stranger = try End(TLSSession(client: strangers, serverName: "localhost"))
        try stranger.connect()
        try server.connect()
        for buffer in try stranger.written() { try server.channel.writeInbound(buffer) }
        for buffer in try server.written() { try stranger.channel.writeInbound(buffer) }
        #expect(stranger.recorder.errors == [.selfSigned] && !stranger.channel.isActive)
        for buffer in try stranger.written() { try server.channel.writeInbound(buffer) }
        #expect(server.recorder.errors == [.alertReceived(48)] && !server.channel.isActive)
    }

    @Test func reportsAnEndDuringTheHandshake() throws {
        try client.connect()
        try client.channel.close().wait()
        #expect(client.recorder.inactive)
        try server.connect()
        server.channel.pipeline.fireChannelInactive()
        #expect(server.recorder.errors == [.closedDuringHandshake])
    }

    @Test func endsAHandshakeThatTakesTooLong() throws {
        try server.connect()
        server.channel.embeddedEventLoop.advanceTime(by: .seconds(4))
        #expect(server.channel.isActive)
        server.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(server.recorder.errors == [.handshakeTimeout] && !server.channel.isActive)
        try #require(client.recorder.errors.isEmpty)
    }

    @Test func readsNoMoreThanAsked() throws {
        try client.channel.syncOptions?.setOption(.autoRead, value: false)
        try server.channel.syncOptions?.setOption(.autoRead, value: false)
        try connect()
        // The handshake read by itself; now nothing is read unless asked.
        let before = server.counter.reads
        client.channel.writeAndFlush(ByteBuffer(string: "first"), promise: nil)
        let first = try client.written()
        for buffer in first { try server.channel.writeInbound(buffer) }
        #expect(server.recorder.data == ByteBuffer(string: "first"))
        #expect(server.counter.reads == before)
        server.channel.read()
        #expect(server.counter.reads == before + 1)
        // Half a record is nothing for the inside, so whoever asked still waits and the next read is asked for.
        client.channel.writeAndFlush(ByteBuffer(string: "second"), promise: nil)
        for var buffer in try client.written() {
            guard let half = buffer.readSlice(length: buffer.readableBytes / 2) else { continue }
            try server.channel.writeInbound(half)
            #expect(server.counter.reads == before + 2)
            try server.channel.writeInbound(buffer)
            #expect(server.counter.reads == before + 2)
        }
        #expect(server.recorder.data == ByteBuffer(string: "firstsecond"))
    }
}
