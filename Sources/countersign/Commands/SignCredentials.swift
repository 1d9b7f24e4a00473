import ArgumentParser
import Foundation
import SigV4

/// What a request is signed with, and for which service and region where the source says so.
struct SigningSource {
    var credentials: Credentials
    var service: String?
    var region: String?
}

/// The sources of a key in their order: what the command line names goes before what the environment happens to hold.
func signingSource(options: SignKeyOptions, host: String) throws -> SigningSource {
    let environment = ProcessInfo.processInfo.environment
    func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }

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
    throw ValidationError(
        "There is no key to sign with: give --access-key-id and --secret-access-key, or --config FILE, "
            + "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
}
