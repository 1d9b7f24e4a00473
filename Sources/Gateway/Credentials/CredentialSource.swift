import GatewayConfig
import GatewayCore
import SigV4

/// Fetches credentials from where the configuration says. Blocks; used by the thread of one `CredentialKeeper`.
struct CredentialSource {
    let settings: CredentialSettings
    /// What `assumeRole` may name as its source.
    let others: [String: CredentialSettings]
    let environment: EnvironmentVariables
    /// Asked now and then whether to give up.
    let isCancelled: () -> Bool
    /// What to add to this machine's time, in milliseconds.
    var correction: () -> Int64 = { 0 }

    /// Files without an end are looked at again after so long, in milliseconds.
    private static let recheckMilliseconds: Int64 = 5000

    func fetch() throws(CredentialFailure) -> CredentialGrant { try fetch(settings) }

    private func fetch(_ settings: CredentialSettings) throws(CredentialFailure) -> CredentialGrant {
        switch settings.source {
        case .fixed(let accessKeyID, let secret, let token):
            return CredentialGrant(accessKeyID: accessKeyID, secretAccessKey: secret.revealedText, sessionToken: token?.revealedText)
        case .environment: return try fromEnvironment()
        case .profile(let profile): return try from(profile)
        case .container(let container): return try fromContainer(container)
        case .webIdentity(let identity):
            return try assume(identity.role, withTokenIn: identity.tokenFile, endpoint: identity.stsEndpoint)
        case .instanceMetadata(let service): return try fromInstanceMetadata(service)
        case .assumeRole(let role):
            guard let source = others[role.source] else { throw CredentialFailure("there are no credentials \"\(role.source)\"") }
            return try assume(role.role, with: try fetch(source), endpoint: role.stsEndpoint)
        case .chain: return try fromChain()
        }
    }

    // MARK: - The usual order

    /// As the AWS SDK for Java 2.x and the one for Go have it: environment, web identity, profile, container, instance metadata. The first
    /// that is configured decides, and a failure of it is one: credentials of somebody else would be worse than none.
    private func fromChain() throws(CredentialFailure) -> CredentialGrant {
        var absences: [String] = []
        for step in 0..<5 {
            do throws(CredentialFailure) {
                switch step {
                case 0: return try fromEnvironment()
                case 1: return try fromEnvironmentWebIdentity()
                case 2: return try from(CredentialSettings.Profile())
                case 3: return try fromContainer(CredentialSettings.Container())
                default: return try fromInstanceMetadata(CredentialSettings.InstanceMetadata())
                }
            } catch {
                guard error.isAbsence else { throw error }
                absences.append(error.words)
            }
        }
        throw CredentialFailure("no source has credentials: \(absences.joined(separator: "; "))")
    }

    private func fromEnvironment() throws(CredentialFailure) -> CredentialGrant {
        guard let accessKeyID = variable("AWS_ACCESS_KEY_ID"), let secret = variable("AWS_SECRET_ACCESS_KEY") else {
            throw CredentialFailure("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set", isAbsence: true)
        }
        var expiresAt: Int64?
        if let text = variable("AWS_CREDENTIAL_EXPIRATION") {
            guard let time = RFC3339.parse(text.utf8) else { throw CredentialFailure("AWS_CREDENTIAL_EXPIRATION is no RFC 3339 time") }
            expiresAt = time
        }
        return CredentialGrant(
            accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: variable("AWS_SESSION_TOKEN"), expiresAt: expiresAt)
    }

    private func fromEnvironmentWebIdentity() throws(CredentialFailure) -> CredentialGrant {
        guard let tokenFile = variable("AWS_WEB_IDENTITY_TOKEN_FILE"), let roleARN = variable("AWS_ROLE_ARN") else {
            throw CredentialFailure("AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not both set", isAbsence: true)
        }
        let role = ProfilePlan.RolePlan(roleARN: roleARN, sessionName: variable("AWS_ROLE_SESSION_NAME"))
        return try assume(role, withTokenIn: tokenFile, endpoint: nil)
    }

    func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }

    // MARK: - Profiles

    private func from(_ profile: CredentialSettings.Profile) throws(CredentialFailure) -> CredentialGrant {
        let home = variable("HOME") ?? "/"
        let configFile = profile.configFile ?? variable("AWS_CONFIG_FILE") ?? home + "/.aws/config"
        let credentialsFile = profile.credentialsFile ?? variable("AWS_SHARED_CREDENTIALS_FILE") ?? home + "/.aws/credentials"
        let config = SharedConfigFile(try CredentialFile.settings(configFile), kind: .config)
        let credentials = SharedConfigFile(try CredentialFile.secrets(credentialsFile, environment), kind: .credentials)
        let plan: ProfilePlan
        do throws(ProfilePlan.Problem) {
            plan = try ProfilePlan.resolve(profile.name ?? variable("AWS_PROFILE") ?? "default", config: config, credentials: credentials)
        } catch {
            throw CredentialFailure(error.words, isAbsence: error.isAbsence)
        }
        return try carryOut(plan, endpoint: profile.stsEndpoint)
    }

    private func carryOut(_ plan: ProfilePlan, endpoint: String?) throws(CredentialFailure) -> CredentialGrant {
        switch plan {
        case .keys(let accessKeyID, let secret, let token):
            return CredentialGrant(
                accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: token, recheck: Self.recheckMilliseconds)
        case .process(let command): return try CredentialProcess.run(command, isCancelled: isCancelled)
        case .environment: return try fromEnvironment()
        case .container: return try fromContainer(CredentialSettings.Container())
        case .instanceMetadata: return try fromInstanceMetadata(CredentialSettings.InstanceMetadata())
        case .webIdentity(let role, let tokenFile): return try assume(role, withTokenIn: tokenFile, endpoint: endpoint)
        case .assumeRole(let role, let source): return try assume(role, with: try carryOut(source, endpoint: endpoint), endpoint: endpoint)
        }
    }

    // MARK: - Roles

    private func assume(
        _ role: ProfilePlan.RolePlan, with source: CredentialGrant, endpoint: String?
    ) throws(CredentialFailure) -> CredentialGrant {
        let request = sts(role, endpoint)
        func attempt(_ correction: Int64) throws(CredentialFailure) -> CredentialGrant {
            try request.assumeRole(
                with: source.credentials, epochSeconds: (Clock.wallMilliseconds() + correction) / 1000, isCancelled: isCancelled)
        }
        let correction = correction()
        do throws(CredentialFailure) { return try attempt(correction) } catch {
            // STS tells its time with a refusal for the time, as any service: once more with that, within the same bounds.
            guard let refused = error.clock else { throw error }
            var skew = ClockSkew()
            let verdict = skew.refused(refused.refusal, refused.sample, signedWith: correction, now: Clock.monotonicNanoseconds())
            guard verdict == .signAgain, let corrected = skew.correction else { throw error }
            return try attempt(corrected)
        }
    }

    /// The token is read each time: whoever writes it renews it (EKS: every hour at most).
    private func assume(
        _ role: ProfilePlan.RolePlan, withTokenIn file: String, endpoint: String?
    ) throws(CredentialFailure) -> CredentialGrant {
        let token = try CredentialFile.token(file)
        return try sts(role, endpoint).assumeRoleWithWebIdentity(token: token, isCancelled: isCancelled)
    }

    private func sts(_ role: ProfilePlan.RolePlan, _ endpoint: String?) -> STSRequest {
        let region = role.region ?? variable("AWS_REGION") ?? variable("AWS_DEFAULT_REGION") ?? "us-east-1"
        return STSRequest(endpoint: endpoint ?? variable("AWS_ENDPOINT_URL_STS"), region: region, role: role)
    }
}
