import GatewayCore

/// One entry of `credentials`.
public struct CredentialSettings: Sendable, Equatable {
    /// Where the key comes from.
    public enum Source: Sendable, Equatable {
        /// Written in the configuration, or in files and environment variables that it names.
        case fixed(accessKeyID: String, secretAccessKey: Secret, sessionToken: Secret?)
        /// `AWS_ACCESS_KEY_ID` and so on.
        case environment
        case profile(Profile)
        case container(Container)
        case webIdentity(WebIdentity)
        case instanceMetadata(InstanceMetadata)
        case assumeRole(AssumeRole)
        /// The usual order of AWS's SDKs.
        case chain

        /// The `type` in the configuration.
        public var kind: String {
            switch self {
            case .fixed: "static"
            case .environment: "env"
            case .profile: "profile"
            case .container: "container"
            case .webIdentity: "webIdentity"
            case .instanceMetadata: "imds"
            case .assumeRole: "assumeRole"
            case .chain: "chain"
            }
        }
    }

    /// Of `~/.aws/config` and `~/.aws/credentials`.
    public struct Profile: Sendable, Equatable {
        /// nil: `AWS_PROFILE`, else `default`.
        public var name: String?
        /// nil: `AWS_CONFIG_FILE`, else `~/.aws/config`.
        public var configFile: String?
        /// nil: `AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`.
        public var credentialsFile: String?
        public var stsEndpoint: String?

        public init(name: String? = nil, configFile: String? = nil, credentialsFile: String? = nil, stsEndpoint: String? = nil) {
            self.name = name
            self.configFile = configFile
            self.credentialsFile = credentialsFile
            self.stsEndpoint = stsEndpoint
        }
    }

    /// Amazon ECS and EKS Pod Identity.
    public struct Container: Sendable, Equatable {
        /// nil: as the environment says.
        public var uri: String?
        /// nil: as the environment says.
        public var tokenFile: String?

        public init(uri: String? = nil, tokenFile: String? = nil) {
            self.uri = uri
            self.tokenFile = tokenFile
        }
    }

    /// A role for the holder of a token (IAM roles for service accounts).
    public struct WebIdentity: Sendable, Equatable {
        public var role: ProfilePlan.RolePlan
        public var tokenFile: String
        /// nil: the one of the region.
        public var stsEndpoint: String?

        public init(role: ProfilePlan.RolePlan, tokenFile: String, stsEndpoint: String? = nil) {
            self.role = role
            self.tokenFile = tokenFile
            self.stsEndpoint = stsEndpoint
        }
    }

    /// Of an EC2 instance, version 2.
    public struct InstanceMetadata: Sendable, Equatable {
        /// nil: `AWS_EC2_METADATA_SERVICE_ENDPOINT`, else `http://169.254.169.254`.
        public var endpoint: String?
        /// nil: the instance's own.
        public var role: String?
        /// For each request.
        public var timeoutMilliseconds: UInt64

        public init(endpoint: String? = nil, role: String? = nil, timeoutMilliseconds: UInt64 = 1000) {
            self.endpoint = endpoint
            self.role = role
            self.timeoutMilliseconds = timeoutMilliseconds
        }
    }

    /// A role for the holder of other credentials.
    public struct AssumeRole: Sendable, Equatable {
        public var role: ProfilePlan.RolePlan
        /// A name in `credentials`, not of an `assumeRole` that leads back here.
        public var source: String
        public var stsEndpoint: String?

        public init(role: ProfilePlan.RolePlan, source: String, stsEndpoint: String? = nil) {
            self.role = role
            self.source = source
            self.stsEndpoint = stsEndpoint
        }
    }

    public var name: String
    public var source: Source

    public init(name: String, source: Source) {
        self.name = name
        self.source = source
    }
}
