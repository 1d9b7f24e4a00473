import ChimeDouble
import Glibc

/// What the demo prints: one plain request, what became of it on the other side, the answer, and lines to try.
struct DemoTour {
    let address: String
    let double: ChimeDoubleServer
    /// Path of the demo's audit trail.
    let audit: String
    /// Where the page to look at is.
    let admin: String

    private static let number = "+12065550100"

    func show() async throws {
        let path = "/phone-numbers/\(Self.number)"
        print("A service without AWS credentials sends:\n\n    DELETE \(path)\n")
        let answer = try PlainRequest(address: address).send("DELETE", path)
        if let received = double.requests.last {
            print("The Chime stand-in received, and found the signature \(received.isSignatureVerified ? "right" : "WRONG"):\n")
            print("    \(received.request.method) \(received.request.target)")
            for (name, value) in received.request.headers { print("    \(name): \(Self.shortened(name, value))") }
        }
        print("\nThe service got back:\n")
        for line in answer.split(separator: "\r\n") { print("    \(line)") }
        printLines()
        fflush(nil)
    }

    /// A signature is good for minutes, but there is no reason to show all of it.
    private static func shortened(_ name: String, _ value: String) -> String {
        guard name.lowercased() == "authorization", let mark = value.lastIndex(of: "=") else { return value }
        return value[...mark] + value[mark...].dropFirst().prefix(8) + "..."
    }

    private func printLines() {
        let url = "http://\(address)"
        print(
            """

            Try:

                curl -i -X DELETE \(url)/phone-numbers/+12065550101          delete a number
                curl -i -X DELETE \(url)/phone-numbers/%252B12065550101      encoded twice: refused, and told why
                curl -i -X DELETE \(url)/phone-numbers/+12065550199          protected by the configuration
                curl -s '\(url)/phone-numbers?status=DeleteInProgress'       the Deletion queue, with the day until which each can be restored
                curl -i -X POST '\(url)/phone-numbers/+12065550101?operation=restore'
                seq 64 | xargs -P 32 -I{} curl -s -o /dev/null -w '%{http_code} ' -X DELETE \(url)/phone-numbers/+12065550102    the limit
                AWS_ENDPOINT_URL=\(url) aws chime delete-phone-number --phone-number-id +12065550103 --region us-east-1 --no-sign-request
                countersign audit verify \(audit)
                countersign audit query \(audit)
                countersign status --admin \(admin)

            Look at it in a browser: traffic, limits, the Deletion queue, audit records:

                http://\(admin)/

            Numbers that always answer an error of the API:

            """)
        for special in SpecialNumber.all { print("    \(special.number)  \(special.status) \(special.exception)") }
    }
}

/// One plain HTTP request over a socket of its own, as a caller without any library would send it.
struct PlainRequest {
    let host: String
    let port: UInt16

    /// `address` is `127.0.0.1:8080`.
    init(address: String) {
        let parts = address.split(separator: ":")
        host = parts.first.map(String.init) ?? "127.0.0.1"
        port = parts.last.flatMap { UInt16($0) } ?? 0
    }

    /// The whole answer as text; blocks until the gateway closes the connection. Throws `StreamError`.
    func send(_ method: String, _ path: String) throws -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Self.failure() }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard connected == 0 else { throw Self.failure() }
        let request = "\(method) \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\nConnection: close\r\n\r\n"
        try StandardStreams.write(Array(request.utf8), to: descriptor)
        return String(decoding: try StandardStreams.readToEnd(of: descriptor), as: UTF8.self)
    }

    private static func failure() -> StreamError { StreamError(code: errno) }
}
