import CNghttp2

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The nghttp2 that runs, which may be another than the one compiled against, and whether it holds the fixes that matter here.
///
/// Distributions put fixes into old versions. Where a fix came with a function, the function proves it; else only the number speaks.
public enum HTTP2Library {
    public enum FixState: String, Sendable {
        case present
        /// The number is older than the fix; the distribution may have put it in all the same.
        case unknown
        case absent
    }

    /// A published weakness of nghttp2.
    public struct Fix: Sendable {
        public let advisory: String
        /// The first release that has it, as nghttp2 counts (0x010203 is 1.2.3).
        public let since: Int32
        /// A function that came with the fix.
        public let function: String?
        /// What this program does about it whatever the library does.
        public let ownDefence: String

        /// For a library with this number that has, or has not, this function.
        public func state(version: Int32, hasFunction: Bool?) -> FixState {
            if version >= since || hasFunction == true { return .present }
            return hasFunction == nil ? .unknown : .absent
        }
    }

    /// Sources: the advisories of the nghttp2 project and its release notes.
    public static let fixes: [Fix] = [
        Fix(
            advisory: "CVE-2019-9511, CVE-2019-9513", since: 0x012702, function: "nghttp2_option_set_max_outbound_ack",
            ownDefence: "bounded output, PRIORITY counted"),
        Fix(
            advisory: "CVE-2020-11080", since: 0x012900, function: "nghttp2_option_set_max_settings",
            ownDefence: "SETTINGS frames counted"),
        Fix(advisory: "CVE-2023-35945", since: 0x013701, function: nil, ownDefence: "streams bounded on each connection"),
        Fix(
            advisory: "CVE-2023-44487", since: 0x013900, function: "nghttp2_option_set_stream_reset_rate_limit",
            ownDefence: "RST_STREAM counted"),
        Fix(
            advisory: "CVE-2024-28182", since: 0x013D00, function: "nghttp2_option_set_max_continuations",
            ownDefence: "CONTINUATION counted"),
        Fix(
            advisory: "CVE-2026-27135", since: 0x014401, function: nil,
            ownDefence: "the frame types that lead to it are not enabled"),
    ]

    /// As text, `1.52.0`.
    public static var version: String {
        guard let info = nghttp2_version(0), let text = info.pointee.version_str else { return "unknown" }
        return String(cString: text)
    }

    /// As a number, 0x013400 for 1.52.0.
    public static var versionNumber: Int32 { nghttp2_version(0)?.pointee.version_num ?? 0 }

    /// Each known fix with what is known of it in the library that runs.
    public static func audit() -> [(fix: Fix, state: FixState)] {
        fixes.map { fix in (fix, fix.state(version: versionNumber, hasFunction: fix.function.map(hasFunction))) }
    }

    /// One line for the log at start: `nghttp2 1.52.0; not proven by version or symbol: CVE-…`.
    public static var summary: String {
        let open = audit().filter { $0.state != .present }.map(\.fix.advisory)
        return open.isEmpty
            ? "nghttp2 \(version) with all known fixes"
            : "nghttp2 \(version); fixes not proven by version or symbol (the distribution may have them): \(open.joined(separator: ", "))"
    }

    private static func hasFunction(_ name: String) -> Bool {
        guard let program = dlopen(nil, RTLD_LAZY) else { return false }
        defer { dlclose(program) }
        return dlsym(program, name) != nil
    }
}
