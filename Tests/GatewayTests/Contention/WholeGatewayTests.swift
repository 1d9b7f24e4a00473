import ChimeDouble
import GatewayConfig
import GatewayCore
import Glibc
import Logging
import Testing

@testable import Gateway

/// The whole line on every event loop at once, while an operator does everything that an operator can do.
@Suite("The whole gateway under contention", .timeLimit(.minutes(10)))
struct WholeGatewayTests {
    private static let callers = 4
    private static let turns = 40

    private static func number(_ caller: Int, _ turn: Int) -> String { "+1206555\(1000 + caller * 100 + turn)" }

    private let folder = TemporaryFolder()

    /// - Parameter variant: what a reload changes: callers, limits and the timeouts that clocks are set by.
    private func settings(upstream port: Int, variant: Int) throws -> Settings {
        let text = """
            { "listeners": [ { "bind": "127.0.0.1:0" } ],
              "admin": { "bind": "127.0.0.1:0", "stateFile": "freeze" },
              "credentials": { "example": { "type": "static", "accessKeyId": "AKIDEXAMPLE",
                                            "secretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" } },
              "upstreams": { "chime": { "url": "http://127.0.0.1:\(port)", "service": "chime", "region": "us-east-1",
                                        "credentials": "example", "idleTimeout": "\(10 + variant)s" } },
              "callers": [ { "name": "extra-\(variant)", "tokenSha256": "\(String(repeating: "0a", count: 32))" },
                           { "name": "local", "networks": ["127.0.0.1/32"] } ],
              "limits": { "account": { "rate": "\(100_000 + variant)/s", "burst": 100000, "per": "upstream", "adaptive": true },
                          "fair": { "rate": "100000/s", "burst": 100000, "per": "caller", "maxWait": "250ms" } },
              "routes": [
                { "operation": "DeletePhoneNumber", "method": "DELETE", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime",
                  "parameters": { "phoneNumberId": { "format": "e164" } }, "callers": ["*"], "limits": ["account", "fair"] },
                { "operation": "GetPhoneNumber", "method": "GET", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime",
                  "parameters": { "phoneNumberId": { "format": "e164" } }, "callers": ["*"], "limits": ["account", "fair"] } ],
              "audit": { "file": { "path": "audit.jsonl", "sync": "always" }, "rotate": { "size": "64kB", "gzip": true } } }
            """
        return try ConfigurationLoader.read(json: text, directory: folder.path)
    }

    @Test("Callers, reloads, freezes, rotations and lookers-on at once: everybody is answered, and the trail is whole")
    func everything() async throws {
        var options = ChimeDoubleOptions()
        options.inventory = (0..<Self.callers).flatMap { caller in
            (0..<Self.turns).map { PhoneNumber(e164: Self.number(caller, $0)) }
        }
        let double = try await ChimeDoubleServer.start(options: options)
        let variants = try (0..<2).map { try settings(upstream: double.port, variant: $0) }
        let server = try await GatewayServer.start(variants[0], logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })
        let address = try #require(await server.addresses.first)
        let admin = try #require(await server.adminAddress)

        // As long as callers come, an operator reloads, freezes and thaws.
        let operations = Task {
            var count = 0
            let freeze = Freeze(sinceMilliseconds: 1, by: "op", source: "test", reason: "test")
            while !Task.isCancelled {
                count += 1
                let wanted = variants[count % 2]
                guard await server.reload(.signal, from: { wanted }) else { return -1 }
                await server.reopenFiles()
                guard case .frozen = await server.control.freeze(freeze), case .thawed = await server.control.thaw(freeze) else {
                    return -1
                }
            }
            return count
        }
        let statuses = try await together(Self.callers + 1) { number in
            if number == Self.callers {
                return try (0..<Self.turns).map { turn in
                    let path = ["/metrics", "/status", "/history", "/records", "/deletions", "/live"][turn % 6]
                    return try LoopbackClient(admin).ask("GET", path).status
                }
            }
            let client = try LoopbackClient(address)
            return try (0..<Self.turns).flatMap { turn in
                let path = "/phone-numbers/%2B" + Self.number(number, turn).dropFirst()
                return [try client.ask("GET", path).status, try client.ask("DELETE", path).status]
            }
        }
        operations.cancel()
        #expect(await operations.value > 0)
        #expect(statuses[Self.callers].allSatisfy { $0 == 200 })
        let answers = statuses[..<Self.callers].joined()
        let reading = answers.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
        let deleting = answers.enumerated().filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
        // Reading goes on whatever the operator does; deleting stops while it is frozen.
        #expect(reading.allSatisfy { $0 == 200 })
        #expect(deleting.allSatisfy { $0 == 204 || $0 == 503 })
        await server.drain()
        #expect(double.phoneNumbers.count { $0.status == .deleteInProgress } == deleting.count { $0 == 204 })
        try await double.stop()

        var stages: [String: Int] = [:]
        var verifier = try AuditVerifier(start: .first)
        let directory = ShipDirectory(path: folder / "audit.jsonl")
        for listed in directory.catalog().newestFirst.reversed() {
            let file = try #require(directory.open(listed))
            while let line = file.nextLine(limit: .max, { Array($0) }) {
                line.withUnsafeBytes { if let fields = AuditFields($0) { stages[fields.stage, default: 0] += 1 } }
                (line + [0x0A]).withUnsafeBytes { verifier.consume($0) }
            }
            verifier.endFile()
        }
        #expect(verifier.finding == nil)
        // A freeze meets a request before its intent is written, or after, when it gets an outcome all the same.
        #expect(stages["intent"] == stages["outcome"])
        #expect(stages["outcome", default: 0] + stages["refusal", default: 0] == answers.count)
        #expect(stages["refusal", default: 0] <= deleting.count { $0 == 503 })
    }
}

/// One connection of HTTP/1.1 over loopback, used by one thread, which it blocks.
private final class LoopbackClient {
    struct Failure: Error { var text: String }

    private let descriptor: Int32
    private let host: String

    /// - Parameter address: `127.0.0.1:8080`.
    init(_ address: String) throws {
        host = address
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = inet_addr("127.0.0.1")
        name.sin_port = (address.split(separator: ":").last.flatMap { UInt16($0) } ?? 0).bigEndian
        var patience = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let code = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard code == 0 else { throw Failure(text: String(cString: strerror(errno))) }
    }

    deinit { close(descriptor) }

    func ask(_ method: String, _ path: String) throws -> (status: Int, body: [UInt8]) {
        let request = Array("\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8)
        guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw Failure(text: "send: \(String(cString: strerror(errno)))")
        }
        var bytes: [UInt8] = []
        var end: Int?
        while true {
            if end == nil { end = headEnd(bytes) }
            if let end {
                let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
                let length = lines.compactMap { line in
                    line.lowercased().hasPrefix("content-length:") ? Int(line.split(separator: " ").last ?? "") : nil
                }.first
                let status = lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
                let count = status == 204 ? 0 : length ?? 0
                if bytes.count - end >= count { return (status, Array(bytes[end..<(end + count)])) }
            }
            var piece = [UInt8](repeating: 0, count: 16_384)
            let count = recv(descriptor, &piece, piece.count, 0)
            guard count > 0 else { throw Failure(text: "recv \(count): \(String(cString: strerror(errno))), after \(bytes.count) bytes") }
            bytes += piece[..<count]
        }
    }

    private func headEnd(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        return (4...bytes.count).first { bytes[($0 - 4)..<$0].elementsEqual([13, 10, 13, 10]) }
    }
}
