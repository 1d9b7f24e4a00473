/// The facilities of RFC 5424 section 6.2.1, by the names that syslog.conf(5) gives them.
public enum SyslogFacility: String, Sendable, CaseIterable {
    case kern, user, mail, daemon, auth, syslog, lpr, news, uucp, cron, authpriv, ftp
    case local0, local1, local2, local3, local4, local5, local6, local7

    /// The numerical code, 0 to 23; the numbers 12 to 15 have no name of their own there.
    public var code: Int {
        let position = SyslogFacility.allCases.firstIndex(of: self) ?? 0
        return position < 12 ? position : position + 4
    }
}

/// One entry of `audit.ship`: where records are copied to.
public struct ShipDestination: Sendable, Hashable {
    public enum Place: Sendable, Hashable {
        /// `host` is a name in lower case or an address, without brackets; `port` is 1 to 65,535. As all that follow it.
        case tcp(host: String, port: Int)
        case tls(host: String, port: Int, ShipTLSFiles)
        /// An absolute path of at most 107 bytes (`sun_path`, unix(7)).
        case unix(path: String)
        /// The JSON lines as they are, on the standard output of the process.
        case standardOutput
    }

    public var place: Place
    public var facility: SyslogFacility
    /// APP-NAME of RFC 5424: 1 to 48 printable ASCII characters.
    public var appName: String

    public init(_ place: Place, facility: SyslogFacility = .local0, appName: String = "countersign") {
        self.place = place
        self.facility = facility
        self.appName = appName
    }
}

/// Absolute paths of PEM files.
public struct ShipTLSFiles: Sendable, Hashable {
    /// Certificates to trust instead of the system's; nil: the system's.
    public var caFile: String?
    /// The certificate shown to the collector and its key; both or neither.
    public var certificate: String?
    public var privateKey: String?

    public init(caFile: String? = nil, certificate: String? = nil, privateKey: String? = nil) {
        self.caFile = caFile
        self.certificate = certificate
        self.privateKey = privateKey
    }
}

extension ShipDestination: CustomStringConvertible {
    /// As `to` is written in the configuration: `syslog+tls://collector.example:6514`. Names the destination in logs and metrics.
    public var description: String {
        switch place {
        case .tcp(let host, let port): "syslog+tcp://\(ShipDestination.bracketed(host)):\(port)"
        case .tls(let host, let port, _): "syslog+tls://\(ShipDestination.bracketed(host)):\(port)"
        case .unix(let path): "syslog+unix://\(path)"
        case .standardOutput: "stdout"
        }
    }

    private static func bracketed(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }
}
