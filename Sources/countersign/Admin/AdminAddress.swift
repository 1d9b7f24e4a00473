import ArgumentParser
import FoundationEssentials
import GatewayConfig

/// Where a gateway's admin listener is: `127.0.0.1:9901`, `[::1]:9901`, `unix:/run/countersign/admin.sock`.
enum AdminAddress: Equatable, CustomStringConvertible {
    case tcp(host: String, port: UInt16)
    case unix(path: String)

    init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            // `sockaddr_un.sun_path`, with the zero at its end.
            guard !path.isEmpty, path.utf8.count < 108 else { return nil }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() } else if host.contains(":") { return nil }
        guard !host.isEmpty else { return nil }
        // Who listens on all addresses is asked over loopback, where alone it takes orders.
        if host == "0.0.0.0" { host = "127.0.0.1" } else if host == "::" { host = "::1" }
        self = .tcp(host: String(host), port: port)
    }

    var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// `--admin`, as every command that asks a running gateway takes it.
struct AdminOption: ParsableArguments {
    @Option(
        name: .customLong("admin"),
        help: ArgumentHelp(
            "The admin listener. (default: $COUNTERSIGN_ADMIN, else \"admin\" of the configuration, else 127.0.0.1:9901)",
            valueName: "address"))
    var text: String?

    @Option(
        name: .customLong("config"),
        help: ArgumentHelp(
            "The configuration file that names the admin listener. (default: $COUNTERSIGN_CONFIG, else config.json where it is one)",
            valueName: "file"))
    var path: String?

    func address(environment: EnvironmentVariables = .process) throws -> AdminAddress {
        if let text = text ?? environment["COUNTERSIGN_ADMIN"], !text.isEmpty {
            guard let address = AdminAddress(text) else {
                throw ValidationError("\"\(text)\" is no address: write 127.0.0.1:9901, [::1]:9901 or unix:/run/countersign/admin.sock.")
            }
            return address
        }
        let standard = AdminAddress.tcp(host: "127.0.0.1", port: 9901)
        guard let path = path ?? environment["COUNTERSIGN_CONFIG"], !path.isEmpty else {
            // Whatever else bears that name says nothing about a gateway.
            let bind = try? ConfigurationLoader.adminAddress(path: "config.json", environment: environment)
            return bind.flatMap { AdminAddress("\($0)") } ?? standard
        }
        let found: BindAddress?
        do { found = try ConfigurationLoader.adminAddress(path: path, environment: environment) } catch {
            StandardStreams.complain("\(error)\nOr name the admin listener with --admin.\n")
            throw ConfigurationOption.badConfiguration
        }
        guard let bind = found else {
            throw ValidationError("\(path) has no \"admin\", so nobody can ask that gateway anything: add it.")
        }
        guard let address = AdminAddress("\(bind)") else {
            throw ValidationError("\(path) lets the system choose the admin port: name the one in the log with --admin.")
        }
        return address
    }
}

/// `--token-file`, as every command that changes something takes it.
struct AdminTokenOption: ParsableArguments {
    @Option(help: ArgumentHelp("A file that holds the admin token. (default: $COUNTERSIGN_ADMIN_TOKEN holds it)", valueName: "file"))
    var tokenFile: String?

    /// Never shown.
    func token(environment: EnvironmentVariables = .process) throws -> String {
        var token: String
        if let tokenFile {
            guard let data = try? Data(contentsOf: URL(filePath: tokenFile)) else {
                throw ValidationError("\(tokenFile) cannot be read: name the file that holds the admin token.")
            }
            token = String(decoding: data, as: UTF8.self)
            if token.hasSuffix("\n") { token.removeLast() }
        } else if let value = environment["COUNTERSIGN_ADMIN_TOKEN"], !value.isEmpty {
            token = value
        } else {
            throw ValidationError(
                "The admin token is missing: name its file with --token-file, or put it into $COUNTERSIGN_ADMIN_TOKEN. Its SHA-256 stands in "
                    + "the configuration as \"tokenSha256\" of \"admin\".")
        }
        guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw ValidationError("The admin token holds something that no header can carry: give the token alone, on one line.")
        }
        return token
    }
}
