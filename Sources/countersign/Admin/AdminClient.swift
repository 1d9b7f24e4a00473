import ArgumentParser
import FoundationEssentials
import Glibc

/// Asks a gateway's admin listener one thing at a time, over a connection of its own.
struct AdminClient {
    let address: AdminAddress
    /// For connecting, and for each step of sending and receiving, in seconds.
    var timeoutSeconds = 15

    struct Answer {
        var status: Int
        var body: String
    }

    /// A sentence that names the mend.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// EX_UNAVAILABLE, EX_TEMPFAIL and EX_NOPERM of sysexits(3).
    static let unavailable = ExitCode(69)
    static let failed = ExitCode(75)
    static let denied = ExitCode(77)

    private static let mostBytes = 64 << 20

    func get(_ path: String) throws(Failure) -> Answer { try ask("GET \(path) HTTP/1.1\r\n", body: "") }

    /// - Parameter form: values are percent-encoded here.
    func post(_ path: String, form: [(String, String)], token: String) throws(Failure) -> Answer {
        let body = form.map { "\($0.0)=\(Self.encoded($0.1))" }.joined(separator: "&")
        return try ask(
            "POST \(path) HTTP/1.1\r\nAuthorization: Bearer \(token)\r\nContent-Type: application/x-www-form-urlencoded\r\n", body: body)
    }

    private func ask(_ start: String, body: String) throws(Failure) -> Answer {
        let descriptor = try connected()
        defer { close(descriptor) }
        let host = if case .tcp = address { address.description } else { "localhost" }
        let request = Array("\(start)Host: \(host)\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)".utf8)
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes {
                send(descriptor, $0.baseAddress.map { $0 + sent }, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw failure("does not take the request", errno) }
            sent += count
        }
        guard let answer = Self.parse(try received(descriptor)) else { throw failure("does not answer as a gateway does", 0) }
        return answer
    }

    private func received(_ descriptor: Int32) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < Self.mostBytes {
            let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
            guard count >= 0 else { throw failure("does not answer", errno) }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return bytes
    }

    private static func parse(_ bytes: [UInt8]) -> Answer? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let words = text.prefix { $0 != "\r\n" && $0 != "\r" }.split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { return nil }
        return Answer(status: status, body: String(text[end.upperBound...]))
    }

    // MARK: - Connecting

    private func connected() throws(Failure) -> Int32 {
        switch address {
        case .unix(let path):
            var name = sockaddr_un()
            name.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
            let code = withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(AF_UNIX, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            switch code {
            case .success(let descriptor): return descriptor
            case .failure(let cause): throw failure("cannot be reached", cause.code)
            }
        case .tcp(let host, let port):
            var hints = addrinfo()
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            var list: UnsafeMutablePointer<addrinfo>?
            let problem = getaddrinfo(host, String(port), &hints, &list)
            guard problem == 0 else { throw Failure(description: "\(host) does not resolve: \(String(cString: gai_strerror(problem)))") }
            defer { freeaddrinfo(list) }
            var last: Int32 = 0
            var next = list
            while let info = next?.pointee {
                switch connect(info.ai_family, info.ai_addr, info.ai_addrlen) {
                case .success(let descriptor): return descriptor
                case .failure(let cause): last = cause.code
                }
                next = info.ai_next
            }
            throw failure("cannot be reached", last)
        }
    }

    private struct Cause: Error { var code: Int32 }

    private func connect(_ family: Int32, _ name: UnsafePointer<sockaddr>?, _ length: socklen_t) -> Result<Int32, Cause> {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return .failure(Cause(code: errno)) }
        var patience = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        guard Glibc.connect(descriptor, name, length) == 0 else {
            let code = errno
            close(descriptor)
            return .failure(Cause(code: code))
        }
        return .success(descriptor)
    }

    private func failure(_ what: String, _ code: Int32) -> Failure {
        let cause = code == 0 ? "" : " (\(String(cString: strerror(code))))"
        return Failure(
            description:
                "The admin listener at \(address) \(what)\(cause): is the gateway running, and is this the address of \"admin\" in its "
                + "configuration? Name another one with --admin.")
    }

    /// RFC 3986 section 2.1; everything but unreserved characters.
    private static func encoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
    }
}
