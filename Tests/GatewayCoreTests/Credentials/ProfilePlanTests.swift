import Testing

@testable import GatewayCore

@Suite struct ProfilePlanTests {
    static let config = """
        # comment
        [default]
        region = eu-west-1
        [profile base]
        aws_access_key_id = AKIABASE ; a comment
        aws_secret_access_key = base/secret#not-a-comment
        s3 =
          max_concurrent_requests = 20
        [profile role]
        role_arn = arn:aws:iam::1:role/r
        source_profile = base
        external_id = ext
        role_session_name = me
        duration_seconds = 900
        region = us-west-2
        [profile "quoted name"]
        credential_process = /bin/give --json "a b"
        [profile over]
        role_arn = arn:aws:iam::1:role/over
        source_profile = role
        [profile self]
        role_arn = arn:aws:iam::1:role/self
        source_profile = self
        aws_access_key_id = AKIASELF
        aws_secret_access_key = self
        [profile a]
        role_arn = arn:aws:iam::1:role/a
        source_profile = b
        [profile b]
        role_arn = arn:aws:iam::1:role/b
        source_profile = a
        [profile ec2]
        role_arn = arn:aws:iam::1:role/ec2
        credential_source = Ec2InstanceMetadata
        [profile ecs]
        role_arn = arn:aws:iam::1:role/ecs
        credential_source = EcsContainer
        [profile environment]
        role_arn = arn:aws:iam::1:role/environment
        credential_source = Environment
        [profile odd]
        role_arn = arn:aws:iam::1:role/odd
        credential_source = Elsewhere
        [profile both]
        role_arn = arn:aws:iam::1:role/both
        credential_source = Environment
        source_profile = base
        [profile bare]
        role_arn = arn:aws:iam::1:role/bare
        [profile web]
        role_arn = arn:aws:iam::1:role/web
        web_identity_token_file = /token
        [profile mfa]
        role_arn = arn:aws:iam::1:role/mfa
        source_profile = base
        mfa_serial = arn:aws:iam::1:mfa/me
        [profile sso]
        sso_session = mine
        [profile lost]
        role_arn = arn:aws:iam::1:role/lost
        source_profile = nobody
        [base]
        aws_access_key_id = NOT-A-PROFILE-HERE
        """
    static let credentials = """
        [default]
        aws_access_key_id=AKIADEFAULT
        aws_secret_access_key=default/secret
        aws_session_token = token==
        [both-files]
        aws_access_key_id = AKIAFILE
        aws_secret_access_key = file
        """

    static let base = ProfilePlan.keys(accessKeyID: "AKIABASE", secretAccessKey: "base/secret#not-a-comment", sessionToken: nil)
    static let role = ProfilePlan.RolePlan(
        roleARN: "arn:aws:iam::1:role/r", sessionName: "me", externalID: "ext", durationSeconds: 900, region: "us-west-2")

    static func role(_ name: String, region: String? = nil) -> ProfilePlan.RolePlan {
        ProfilePlan.RolePlan(roleARN: "arn:aws:iam::1:role/\(name)", region: region)
    }

    static func resolve(_ name: String) throws(ProfilePlan.Problem) -> ProfilePlan {
        try ProfilePlan.resolve(
            name, config: SharedConfigFile(config, kind: .config), credentials: SharedConfigFile(credentials, kind: .credentials))
    }

    @Test(
        arguments: [
            ("default", .keys(accessKeyID: "AKIADEFAULT", secretAccessKey: "default/secret", sessionToken: "token==")), ("base", base),
            ("role", .assumeRole(role, source: base)), ("quoted name", .process(command: "/bin/give --json \"a b\"")),
            ("over", .assumeRole(role("over"), source: .assumeRole(role, source: base))),
            ("self", .assumeRole(role("self"), source: .keys(accessKeyID: "AKIASELF", secretAccessKey: "self", sessionToken: nil))),
            ("ec2", .assumeRole(role("ec2"), source: .instanceMetadata)), ("ecs", .assumeRole(role("ecs"), source: .container)),
            ("environment", .assumeRole(role("environment"), source: .environment)),
            ("web", .webIdentity(role("web"), tokenFile: "/token")),
            ("both-files", .keys(accessKeyID: "AKIAFILE", secretAccessKey: "file", sessionToken: nil)),
        ] as [(String, ProfilePlan)])
    func resolves(name: String, plan: ProfilePlan) throws {
        #expect(try Self.resolve(name) == plan)
    }

    @Test(arguments: [
        ("a", "in a circle: a -> b -> a", false), ("odd", "Environment, Ec2InstanceMetadata or EcsContainer", false),
        ("both", "remove one of the two", false), ("bare", "add source_profile", false), ("mfa", "mfa_serial", false),
        ("sso", "export-credentials --profile sso", false), ("lost", "no profile \"nobody\"", false), ("nobody", "no profile", true),
    ])
    func saysWhyNot(name: String, words: String, isAbsence: Bool) {
        let problem = #expect(throws: ProfilePlan.Problem.self) { try Self.resolve(name) }
        #expect(problem?.words.contains(words) == true && problem?.isAbsence == isAbsence, "\(String(describing: problem))")
        #expect(problem?.words.contains("secret") == false)
    }

    @Test(arguments: [
        "", "[", "[]", "[profile]", "[profile ]\na=b", "=", "a=b", "[default]\n=\n x = y\n", "[default", "\u{0}\n[default]\n\u{0}=\u{0}",
    ])
    func survivesWhatIsNoFile(text: String) {
        for kind in [SharedConfigFile.Kind.config, .credentials] { _ = SharedConfigFile(text, kind: kind).profiles }
    }
}
