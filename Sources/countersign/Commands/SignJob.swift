import ArgumentParser
import FoundationEssentials
import Glibc
import SigV4

/// One request to sign, from the command line or from a line of a batch.
struct SignJob {
    var request: UnsignedRequest
    /// For the address of a presigned request.
    var scheme = "https"
    /// Whether the time to sign for is told by the request itself, where nothing else tells it.
    var at: SigningTime?

    /// METHOD and URL with fields and a body.
    init(method: String, url: String, headers: [String], body: [UInt8]) throws {
        let address = try inputChecked { () throws(SigningInputError) in try RequestURL(url) }
        var fields = try headers.map { line in try inputChecked { () throws(SigningInputError) in try HeaderField(line: line) } }
        if !fields.contains(where: { $0.canonicalName == "host" }) { fields.insert(HeaderField("Host", address.host), at: 0) }
        guard !method.isEmpty, method.utf8.allSatisfy({ ($0 | 0x20) &- 0x61 < 26 }) else {
            throw ValidationError("The method must be a word such as GET, POST or DELETE.")
        }
        request = UnsignedRequest(
            method: method.uppercased(), path: address.path, query: address.query, fields: fields, payload: try .sha256(of: body))
        scheme = address.scheme
    }

    /// A raw HTTP/1.1 request; `headers` are added to its own.
    init(raw: [UInt8], headers: [String]) throws {
        let text = try inputChecked { () throws(SigningInputError) in try SigningRequestText(raw) }
        let added = try headers.map { line in try inputChecked { () throws(SigningInputError) in try HeaderField(line: line) } }
        guard (text.fields + added).contains(where: { $0.canonicalName == "host" }) else {
            throw ValidationError(
                "The request has no Host header: add a line like \"Host: service.chime.aws.amazon.com\", or give -H 'Host: ...'.")
        }
        request = UnsignedRequest(
            method: text.method, path: text.path, query: text.query, fields: text.fields + added, payload: try .sha256(of: text.body))
    }

    /// The host that the request goes to.
    var host: String { request.fields.first { $0.canonicalName == "host" }?.valueText ?? "" }

    /// Signs by `rules` with `source`; the command line goes before the source.
    func sign(rules: SignRuleOptions, source: SigningSource) throws -> SignedRequest {
        let environment = ProcessInfo.processInfo.environment
        guard let service = rules.service ?? source.service, !service.isEmpty else {
            throw ValidationError("The service is missing: give --service, for example --service chime.")
        }
        let named = rules.region ?? source.region ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"]
        guard let region = named, !region.isEmpty else {
            throw ValidationError("The region is missing: give --region, for example --region us-east-1.")
        }
        var options = SigningOptions.standard(forService: service)
        options.normalizesPath = rules.normalizePath ?? options.normalizesPath
        options.doubleEncodesPath = rules.doubleEncode ?? options.doubleEncodesPath
        options.signsSessionToken = rules.signSessionToken

        let signer = Signer(service: service, region: region, options: options)
        let time = try rules.at ?? timeOfRequest() ?? SigningTime(epochSeconds: Int64(Date().timeIntervalSince1970))
        if rules.presign {
            var request = request
            // Whoever uses the address later sends a body that nobody knows yet.
            if options.addsPayloadHashField { request.payload = .unsigned }
            return try signer.presign(request, credentials: source.credentials, time: time, expiresIn: rules.expires)
        }
        return try signer.signFields(of: request, credentials: source.credentials, time: time)
    }

    /// The address that a presigned request is sent to.
    func url(of signed: SignedRequest) -> String {
        "\(scheme)://\(host)\(String(decoding: signed.path, as: UTF8.self))?\(String(decoding: signed.query, as: UTF8.self))"
    }

    private func timeOfRequest() throws -> SigningTime? {
        guard let field = request.fields.first(where: { $0.canonicalName == "x-amz-date" }) else { return nil }
        guard let time = SigningTime(field.valueText) else {
            throw ValidationError("The request's X-Amz-Date must be like 20150830T123600Z; or give --at 2015-08-30T12:36:00Z.")
        }
        return time
    }
}

/// Turns a mistake in the input into a usage error.
func inputChecked<Value>(_ body: () throws(SigningInputError) -> Value) throws -> Value {
    do {
        return try body()
    } catch {
        throw ValidationError(error.description)
    }
}
