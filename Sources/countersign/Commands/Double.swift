import ArgumentParser
import ChimeDouble
import FoundationEssentials
import Glibc
import Synchronization

/// `countersign chime-double`: the embedded Chime stand-in on its own, for tests and local work.
struct Double_: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chime-double",
        abstract: "Run the Amazon Chime stand-in alone, for tests and local work.",
        discussion: """
            It answers DeletePhoneNumber, GetPhoneNumber, ListPhoneNumbers and RestorePhoneNumber for +12065550100 to +12065550199, \
            checks the signature of each request and keeps deleted numbers 7 days in its Deletion queue. \
            GET /_double/requests shows the last requests, DELETE /_double/requests forgets them.

            Numbers that always answer an error:
            \(SpecialNumber.all.map { "  \($0.number)  \($0.status) \($0.exception)" }.joined(separator: "\n"))
            """)

    @Option(help: "Port on 127.0.0.1; 0 picks a free one.")
    var port = 8081

    @Flag(help: "Print the port alone on standard output once it is open.")
    var printPort = false

    @Option(help: "Access key that signatures must name.")
    var accessKeyId = DoubleCredential.example.accessKeyId

    @Option(help: "Secret key that signatures must be made with.")
    var secretAccessKey = DoubleCredential.example.secretAccessKey

    @Option(help: "Session token that requests must carry.")
    var sessionToken: String?

    @Option(help: "Region that credential scopes must name; may be repeated.")
    var region: [String] = ["us-east-1"]

    @Option(help: "Service that credential scopes must name; may be repeated.")
    var service: [String] = ["chime"]

    @Option(help: ArgumentHelp("Answer 429 above this rate, for example 20/s.", valueName: "rate"))
    var throttle: ThrottleRate?

    @Option(help: ArgumentHelp("How far its clock is ahead of this machine's, in seconds; may be negative.", valueName: "seconds"))
    var clockOffset = 0

    @Flag(inversion: .prefixedNo, help: "Check signatures.")
    var verify = true

    @Option(
        help: ArgumentHelp(
            "Append one JSON line a request: time, method, target, headers (signatures included), status, signatureVerified, canonicalRequest.",
            valueName: "file"))
    var record: String?

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port must be 0 to 65535.") }
        guard (-1_000_000_000...1_000_000_000).contains(clockOffset) else {
            throw ValidationError("--clock-offset must be within 1000000000 seconds either way.")
        }
    }

    func run() async throws {
        var options = ChimeDoubleOptions()
        options.credentials = [
            DoubleCredential(accessKeyId: accessKeyId, secretAccessKey: secretAccessKey, sessionToken: sessionToken)
        ]
        options.regions = Set(region)
        options.services = Set(service)
        options.throttle = throttle
        options.verifiesSignatures = verify
        let clock = options.clock
        options.clock = { [clockOffset] in clock() + Int64(clockOffset) * 1000 }
        if let record {
            let file = try RecordFile(path: record)
            options.onRequest = { file.append($0.json) }
        }
        let server: ChimeDoubleServer
        do {
            server = try await ChimeDoubleServer.start(port: port, options: options)
        } catch {
            StandardStreams.complain("cannot bind 127.0.0.1:\(port): \(error)\n")
            throw ExitCode(EX_UNAVAILABLE)
        }
        try StandardStreams.write((printPort ? "\(server.port)\n" : "Chime double on \(server.url)\n").utf8)
        try await server.waitUntilStopped()
    }
}

extension ThrottleRate: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

/// A file of JSON lines to which all event loops append.
private final class RecordFile: Sendable {
    private let descriptor: Mutex<Int32>

    init(path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            StandardStreams.complain("cannot open \(path): \(String(cString: strerror(errno)))\n")
            throw ExitCode(EX_CANTCREAT)
        }
        self.descriptor = Mutex(descriptor)
    }

    func append(_ line: String) {
        // A test that fills the disk loses lines here, and only here.
        descriptor.withLock { try? StandardStreams.write(Array((line + "\n").utf8), to: $0) }
    }
}
