import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A running double on an HTTP/1.1 port of its own.
///
/// Beside the service it answers `GET /_double/requests`, a JSON array of the last requests, and
/// `DELETE /_double/requests`, which forgets them; neither needs a signature or is recorded.
public final class ChimeDoubleServer: Sendable {
    /// The address it listens on.
    public let host: String
    /// The port it listens on, the one that the system chose if 0 was asked for.
    public let port: Int

    private let listener: any Channel
    private let service: DoubleService

    private init(host: String, port: Int, listener: any Channel, service: DoubleService) {
        self.host = host
        self.port = port
        self.listener = listener
        self.service = service
    }

    /// The base URL, `http://127.0.0.1:8081`.
    public var url: String { host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)" }

    /// Binds and begins to answer. Throws what binding throws, for example when the port is taken.
    public static func start(
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, host: String = "127.0.0.1", port: Int = 0,
        options: ChimeDoubleOptions = ChimeDoubleOptions()
    ) async throws -> ChimeDoubleServer {
        let service = DoubleService(options: options)
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(DoubleHandler(service: service))
                }
            }
            .bind(host: host, port: port).get()
        return ChimeDoubleServer(host: host, port: listener.localAddress?.port ?? port, listener: listener, service: service)
    }

    /// Closes the port and every connection.
    public func stop() async throws {
        try await listener.close()
        let connections = service.connections.withLock { Array($0.values) }
        for connection in connections {
            // A connection that its client has just closed is no error here.
            try? await connection.close()
        }
    }

    /// Waits until `stop` was called or the port was lost.
    public func waitUntilStopped() async throws {
        try await listener.closeFuture.get()
    }

    /// The last requests, oldest first (`ChimeDoubleOptions.recordedRequests` of them).
    public var requests: [RecordedRequest] { service.recorder.all }

    /// Connections that are open now.
    var connectionCount: Int { service.connections.withLock { $0.count } }

    /// Forgets the recorded requests.
    public func clearRequests() { service.recorder.clear() }

    /// The numbers in inventory and Deletion queue, in order.
    public var phoneNumbers: [PhoneNumber] {
        service.state.withLock { $0.inventory(now: service.options.clock()) }
    }
}

/// What all connections of a double share.
final class DoubleService: Sendable {
    let options: ChimeDoubleOptions
    let state: Mutex<ChimeDoubleState>
    let recorder: RequestRecorder
    let connections = Mutex<[ObjectIdentifier: any Channel]>([:])

    init(options: ChimeDoubleOptions) {
        self.options = options
        state = Mutex(ChimeDoubleState(options: options))
        recorder = RequestRecorder(capacity: options.recordedRequests)
    }

    func answer(_ request: ReceivedRequest) -> DoubleResponse {
        switch (request.method, request.target) {
        case ("GET", "/_double/requests"):
            return DoubleResponse(status: 200, errorType: nil, body: JSONText.array(recorder.all.map(\.jsonText)).text)
        case ("DELETE", "/_double/requests"):
            recorder.clear()
            return DoubleResponse(status: 204, errorType: nil, body: "")
        default:
            let now = options.clock()
            let (response, record) = state.withLock { $0.answer(request, now: now) }
            recorder.append(record)
            options.onRequest?(record)
            return response
        }
    }
}
