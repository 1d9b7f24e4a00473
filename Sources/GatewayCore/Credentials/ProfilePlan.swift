/// Where the credentials of a profile come from, once its files are read: nothing is fetched here.
///
/// Order as in the AWS SDKs and Tools reference ("Assume role credential provider", "Process credential provider") and botocore: a role goes
/// before keys, keys in the credentials file before a process, a process before keys in the config file.
public indirect enum ProfilePlan: Sendable, Equatable {
    case keys(accessKeyID: String, secretAccessKey: String, sessionToken: String?)
    case process(command: String)
    case environment
    case container
    case instanceMetadata
    case webIdentity(RolePlan, tokenFile: String)
    case assumeRole(RolePlan, source: ProfilePlan)

    /// A role to take on.
    public struct RolePlan: Sendable, Equatable {
        public var roleARN: String
        public var sessionName: String?
        public var externalID: String?
        public var durationSeconds: Int?
        /// Of the STS endpoint.
        public var region: String?

        public init(
            roleARN: String, sessionName: String? = nil, externalID: String? = nil, durationSeconds: Int? = nil, region: String? = nil
        ) {
            self.roleARN = roleARN
            self.sessionName = sessionName
            self.externalID = externalID
            self.durationSeconds = durationSeconds
            self.region = region
        }
    }

    /// Why a profile gives no credentials: a sentence for the operator, without secrets.
    public struct Problem: Error, Sendable, Equatable {
        public var words: String
        /// Nothing is configured here, so that a chain goes on to the next source.
        public var isAbsence: Bool
    }

    public static func resolve(
        _ name: String, config: SharedConfigFile, credentials: SharedConfigFile
    ) throws(Problem) -> ProfilePlan {
        try resolve(name, config, credentials, region: nil, visited: [])
    }

    private static func resolve(
        _ name: String, _ config: SharedConfigFile, _ credentials: SharedConfigFile, region: String?, visited: [String]
    ) throws(Problem) -> ProfilePlan {
        let inConfig = config.profiles[name]
        let inCredentials = credentials.profiles[name]
        guard inConfig != nil || inCredentials != nil else {
            throw Problem(words: "there is no profile \"\(name)\" in the AWS config and credentials files", isAbsence: visited.isEmpty)
        }
        let values = (inConfig ?? [:]).merging(inCredentials ?? [:]) { $1 }
        let region = values["region"] ?? region
        if let roleARN = values["role_arn"], !(visited.last == name) {
            let role = try role(roleARN, values, region: region, profile: name)
            if let tokenFile = values["web_identity_token_file"] { return .webIdentity(role, tokenFile: tokenFile) }
            if let source = values["source_profile"] {
                guard values["credential_source"] == nil else {
                    throw Problem(
                        words: "profile \"\(name)\" has both source_profile and credential_source: remove one of the two", isAbsence: false)
                }
                // A profile may name itself: then its own keys are the source.
                if visited.contains(source) {
                    throw Problem(
                        words: "the source_profile chain goes in a circle: \((visited + [name, source]).joined(separator: " -> "))",
                        isAbsence: false)
                }
                return .assumeRole(role, source: try resolve(source, config, credentials, region: region, visited: visited + [name]))
            }
            switch values["credential_source"] {
            case "Environment": return .assumeRole(role, source: .environment)
            case "Ec2InstanceMetadata": return .assumeRole(role, source: .instanceMetadata)
            case "EcsContainer": return .assumeRole(role, source: .container)
            case let other?:
                throw Problem(
                    words:
                        "profile \"\(name)\" has the credential_source \"\(other)\": write Environment, Ec2InstanceMetadata or EcsContainer",
                    isAbsence: false)
            case nil:
                throw Problem(
                    words:
                        "profile \"\(name)\" has a role_arn and no source: add source_profile, credential_source or web_identity_token_file",
                    isAbsence: false)
            }
        }
        if let plan = keys(inCredentials) { return plan }
        if let command = values["credential_process"], !command.isEmpty { return .process(command: command) }
        if let plan = keys(inConfig) { return plan }
        if values.keys.contains(where: { $0.hasPrefix("sso_") }) || values["login_session"] != nil {
            throw Problem(
                words: "profile \"\(name)\" signs in by a browser, which a gateway cannot: add "
                    + "credential_process = aws configure export-credentials --profile \(name)", isAbsence: false)
        }
        throw Problem(
            words:
                "profile \"\(name)\" has no credentials: add aws_access_key_id and aws_secret_access_key, credential_process or role_arn",
            isAbsence: visited.isEmpty)
    }

    private static func role(
        _ roleARN: String, _ values: [String: String], region: String?, profile: String
    ) throws(Problem) -> RolePlan {
        if values["mfa_serial"] != nil {
            throw Problem(
                words: "profile \"\(profile)\" needs a code of a device (mfa_serial), which a gateway cannot type: use a role without it",
                isAbsence: false)
        }
        return RolePlan(
            roleARN: roleARN, sessionName: values["role_session_name"], externalID: values["external_id"],
            durationSeconds: values["duration_seconds"].flatMap { Int($0) }, region: region)
    }

    private static func keys(_ values: [String: String]?) -> ProfilePlan? {
        guard let values, let accessKeyID = values["aws_access_key_id"], let secret = values["aws_secret_access_key"] else { return nil }
        return .keys(accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: values["aws_session_token"])
    }
}
