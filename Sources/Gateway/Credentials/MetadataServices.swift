import GatewayConfig
import GatewayCore

/// Credentials of the place where the gateway runs: a container, or an EC2 instance.
extension CredentialSource {
    /// Amazon ECS and EKS Pod Identity (AWS SDKs and Tools reference, "Container credential provider").
    func fromContainer(_ container: CredentialSettings.Container) throws(CredentialFailure) -> CredentialGrant {
        let url: String
        if let configured = container.uri ?? variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            url = configured
        } else if let path = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            url = "http://169.254.170.2" + path
        } else {
            throw CredentialFailure(
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set", isAbsence: true)
        }
        guard var fetch = HTTPFetch(url: url) else { throw CredentialFailure("the URI of the container's credentials is no URL") }
        guard fetch.isTLS || Self.isContainerHost(fetch.host) else {
            throw CredentialFailure(
                "the container's credentials would come over plain HTTP from \(fetch.host): only https, loopback, 169.254.170.2, "
                    + "169.254.170.23 and [fd00:ec2::23] are asked")
        }
        fetch.fields = [("Accept", "application/json")]
        if let file = container.tokenFile ?? variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            fetch.fields.append(("Authorization", try CredentialFile.token(file)))
        } else if let token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
            guard token.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
                throw CredentialFailure("AWS_CONTAINER_AUTHORIZATION_TOKEN holds a line break")
            }
            fetch.fields.append(("Authorization", token))
        }
        return try document(fetch, from: "the container's credential service at \(fetch.authority)")
    }

    private static func isContainerHost(_ host: String) -> Bool {
        if ["169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost"].contains(host.lowercased()) { return true }
        return IPAddress(host)?.isLoopback == true
    }

    /// EC2 instance metadata service, version 2 (Amazon EC2 User Guide, "Retrieve security credentials from instance metadata").
    ///
    /// The answer to the PUT travels as many hops as the instance allows, one by default: a container then waits in vain, so the time is short.
    func fromInstanceMetadata(_ service: CredentialSettings.InstanceMetadata) throws(CredentialFailure) -> CredentialGrant {
        if variable("AWS_EC2_METADATA_DISABLED")?.lowercased() == "true" {
            throw CredentialFailure("AWS_EC2_METADATA_DISABLED is true", isAbsence: true)
        }
        var endpoint = service.endpoint ?? variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? "http://169.254.169.254"
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        let source = "the instance metadata service at \(endpoint)"
        func request(_ path: String, method: String = "GET", fields: [(String, String)]) throws(CredentialFailure) -> HTTPFetch.Answer {
            guard var fetch = HTTPFetch(url: endpoint + path) else { throw CredentialFailure("\(endpoint) is no URL") }
            fetch.method = method
            fetch.fields = fields.map { (name: $0.0, value: $0.1) }
            fetch.timeoutMilliseconds = service.timeoutMilliseconds
            do throws(ConnectionFailure) { return try fetch.run(isCancelled: isCancelled) } catch {
                throw CredentialFailure(
                    "\(source): \(error.words) (in a container, the instance's metadata hop limit must be 2)", isAbsence: false)
            }
        }
        func text(_ path: String, _ fields: [(String, String)]) throws(CredentialFailure) -> HTTPFetch.Answer {
            let answer = try request(path, fields: fields)
            guard answer.status == 200 else { throw CredentialFailure("\(source) answers \(answer.status) to \(path)") }
            return answer
        }
        let granted = try request("/latest/api/token", method: "PUT", fields: [("X-aws-ec2-metadata-token-ttl-seconds", "21600")])
        guard granted.status == 200, granted.body.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !granted.body.isEmpty else {
            throw CredentialFailure("\(source) gives no token (status \(granted.status)): version 2 of the service is needed")
        }
        let token = [("X-aws-ec2-metadata-token", granted.text)]
        let folder = "/latest/meta-data/iam/security-credentials/"
        let role: String
        if let named = service.role {
            role = named
        } else {
            let names = try text(folder, token).text.split(whereSeparator: \.isWhitespace)
            guard let first = names.first else { throw CredentialFailure("\(source): the instance has no role") }
            role = String(first)
        }
        let answer = try text(folder + STSRequest.formEncoded(role), token)
        return try CredentialDocument.parse(answer.body, from: source).grant(from: source, clock: answer.clock)
    }

    private func document(_ fetch: HTTPFetch, from source: String) throws(CredentialFailure) -> CredentialGrant {
        let answer: HTTPFetch.Answer
        do throws(ConnectionFailure) { answer = try fetch.run(isCancelled: isCancelled) } catch {
            throw CredentialFailure("\(source): \(error.words)")
        }
        guard answer.status == 200 else {
            let said = try? CredentialDocument.parse(answer.body, from: source)
            throw CredentialFailure("\(source) answers \(answer.status)\(said?.message.map { ": \($0)" } ?? "")")
        }
        return try CredentialDocument.parse(answer.body, from: source).grant(from: source, clock: answer.clock)
    }
}
