import ArgumentParser
import FoundationEssentials
import Gateway
import GatewayConfig
import SigV4

/// What a request is signed with, and for which service and region where the source says so.
struct SigningSource {
    var credentials: Credentials
    var service: String?
    var region: String?
}

/// Where keys come from. A configuration is read once, however many requests a batch has.
final class SigningSources {
    private let environment = EnvironmentVariables.process
    private var settings: [String: Settings] = [:]

    /// What the command line names goes before what the environment happens to hold.
    func source(options: SignKeyOptions, host: String) throws -> SigningSource {
        if let accessKeyID = options.accessKeyId, let secret = options.secretAccessKey {
            return SigningSource(
                credentials: Credentials(accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: options.sessionToken))
        }
        if let path = options.config { return try credentialsFromConfiguration(path: path, host: host) }
        if let accessKeyID = variable("AWS_ACCESS_KEY_ID"), let secret = variable("AWS_SECRET_ACCESS_KEY") {
            return SigningSource(
                credentials: Credentials(accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: variable("AWS_SESSION_TOKEN")))
        }
        if let path = variable("COUNTERSIGN_CONFIG") { return try credentialsFromConfiguration(path: path, host: host) }
        if FileManager.default.fileExists(atPath: "config.json") {
            return try credentialsFromConfiguration(path: "config.json", host: host)
        }
        throw ValidationError(
            "There is no key to sign with: give --access-key-id and --secret-access-key, or --config FILE, "
                + "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    }

    /// Key, service and region of the upstream whose host is `host`; of the only upstream, where there is but one, so that a local
    /// double can be tried with it.
    private func credentialsFromConfiguration(path: String, host: String) throws -> SigningSource {
        let settings = try load(path)
        let only = settings.upstreams.count == 1 ? settings.upstreams.first : nil
        guard let upstream = settings.upstreams.first(where: { $0.authority == host.lowercased() }) ?? only else {
            let hosts = settings.upstreams.map(\.authority).joined(separator: ", ")
            throw ValidationError(
                "No upstream in \(path) has the host \(host): sign for one of \(hosts), or give --access-key-id and --secret-access-key.")
        }
        guard let key = settings.credentials[upstream.credentials] else {
            throw ValidationError("\(path) has no credentials \"\(upstream.credentials)\".")
        }
        do {
            let credentials = try CredentialFetch.once(key, among: settings.credentials)
            return SigningSource(credentials: credentials, service: upstream.service, region: upstream.region)
        } catch {
            throw ValidationError("The credentials \"\(key.name)\" of \(path) cannot be had: \(error.words).")
        }
    }

    private func load(_ path: String) throws -> Settings {
        if let known = settings[path] { return known }
        do {
            let loaded = try ConfigurationLoader.load(path: path, environment: environment)
            settings[path] = loaded
            return loaded
        } catch {
            StandardStreams.complain("\(error)\n")
            throw ConfigurationOption.badConfiguration
        }
    }

    private func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
}
