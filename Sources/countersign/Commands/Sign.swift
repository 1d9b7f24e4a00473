import ArgumentParser
import FoundationEssentials
import SigV4

/// `countersign sign`: signs one request and shows how, which is how one finds the reason of a SignatureDoesNotMatch.
struct Sign: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign",
        abstract: "Print the headers that sign a request with AWS Signature Version 4.",
        usage: """
            countersign sign [options] METHOD URL
            countersign sign [options] --request FILE
            countersign sign [options] --batch FILE
            """,
        discussion: """
            Signed are all headers given, Host and X-Amz-Date, but not those that hops change (User-Agent, Connection, \
            Transfer-Encoding and the like). Nothing is sent anywhere. Compare --explain with the canonical request in the \
            service's answer to see where two signatures part.

            An x-amz-content-sha256 header gives the payload hash, for example UNSIGNED-PAYLOAD.

            The key comes from --access-key-id and --secret-access-key, else --config, else AWS_ACCESS_KEY_ID, \
            AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else the configuration that COUNTERSIGN_CONFIG names, \
            else config.json.

            For scripts, --batch reads one JSON object a line and prints the --json object of each on one line, in the same \
            order. Members: method, url, headers (a list of "Name: value"), data or dataBase64, or request (raw) instead of these; \
            and accessKeyId, secretAccessKey, sessionToken, service, region, at, normalizePath, doubleEncode, signSessionToken, \
            presign, expires, which go before the options. A line that cannot be signed gives {"error":"..."}, and exit code 64 at the end.

              countersign sign --service chime --region us-east-1 --explain \\
                DELETE https://service.chime.aws.amazon.com/phone-numbers/%2B12065550100
            """)

    @OptionGroup(title: "Key") var keys: SignKeyOptions
    @OptionGroup(title: "Signature") var rules: SignRuleOptions

    @Option(
        name: [.customShort("H"), .customLong("header")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A header 'Name: value'; may be repeated.", valueName: "header"))
    var headers: [String] = []

    @Option(parsing: .unconditional, help: ArgumentHelp("The body, or @FILE to read it from a file.", valueName: "string|@file"))
    var data: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Read a raw HTTP/1.1 request instead; - is standard input.", valueName: "file"))
    var request: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Sign one request a line of JSON; - is standard input.", valueName: "file"))
    var batch: String?

    @Flag(help: "Print one JSON object: canonicalRequest, stringToSign, signature, authorization, headers.")
    var json = false

    @Flag(help: "Print the canonical request, the string to sign, what the signing key is derived from, and the signature.")
    var explain = false

    @Argument(help: "For example DELETE.")
    var method: String?

    @Argument(help: "For example https://service.chime.aws.amazon.com/phone-numbers/%2B12065550100.")
    var url: String?

    func validate() throws {
        if request != nil, batch != nil { throw ValidationError("--request and --batch cannot be used together: choose one.") }
        if request != nil || batch != nil {
            if method != nil { throw ValidationError("METHOD and URL cannot be used with --request or --batch: the file holds them.") }
            if data != nil { throw ValidationError("--data cannot be used with --request or --batch: the file holds the body.") }
        } else if method == nil || url == nil {
            throw ValidationError(
                "Give METHOD and URL, for example: DELETE https://service.chime.aws.amazon.com/phone-numbers/%2B12065550100")
        }
        if batch != nil, explain || !headers.isEmpty {
            throw ValidationError("--explain and -H cannot be used with --batch: each line has its own headers and result.")
        }
        if json, explain { throw ValidationError("--json and --explain cannot be used together: --json holds every stage already.") }
    }

    func run() throws {
        // What is refused here is no news for somebody who has the key in hand.
        _ = ProcessProtection.keepKeys(allowsCoreDumps: false)
        try reportingUsageMistakes(of: "sign") {
            let sources = SigningSources()
            if let batch {
                try signAll(try Sign.read(batch), sources: sources)
            } else {
                try signOne(sources: sources)
            }
        }
    }

    private func signOne(sources: SigningSources) throws {
        let job: SignJob
        if let request {
            job = try SignJob(raw: try Sign.read(request), headers: headers)
        } else {
            let body = try data.map { $0.hasPrefix("@") ? try Sign.read(String($0.dropFirst())) : Array($0.utf8) } ?? []
            job = try SignJob(method: method ?? "", url: url ?? "", headers: headers, body: body)
        }
        let signed = try job.sign(rules: rules, source: try sources.source(options: keys, host: job.host))
        let address = rules.presign ? job.url(of: signed) : nil
        if json { return try Sign.write(try SignOutput(signed, url: address).json(isPretty: true)) }

        let report = SigningReport(signed)
        if explain {
            let title = address == nil ? "Headers to send\n---------------\n" : "URL to send\n-----------\n"
            try Sign.write(Data(report.explanation + title.utf8))
        }
        try Sign.write(address.map { Data("\($0)\n".utf8) } ?? Data(report.fieldLines))
    }

    private func signAll(_ text: [UInt8], sources: SigningSources) throws {
        var isComplete = true
        for line in text.split(separator: 0x0A) {
            do {
                let entry = try SignBatchLine.parse(Data(line))
                let job = try entry.job()
                let rules = try entry.rules(over: rules)
                let signed = try job.sign(rules: rules, source: try sources.source(options: try entry.keys(over: keys), host: job.host))
                try Sign.write(try SignOutput(signed, url: rules.presign ? job.url(of: signed) : nil).json(isPretty: false))
            } catch let mistake as ValidationError {
                isComplete = false
                try Sign.write(try JSONEncoder().encode(["error": mistake.message]) + Data([0x0A]))
            }
        }
        if !isComplete { throw ExitCode.validationFailure }
    }

    private static func read(_ path: String) throws -> [UInt8] {
        if path == "-" { return Array(try StandardStreams.readToEnd()) }
        do {
            return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw ValidationError("Cannot read \(path): check that the file exists and may be read.")
        }
    }

    private static func write(_ data: Data) throws { try StandardStreams.write(data) }
}
