import ArgumentParser
import FoundationEssentials
import GatewayCore
import Logging

/// `--log-level` and `--log-format`, as every command that runs takes them.
struct LogOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text
        case json
    }

    @Option(
        help: "The least important messages to print: trace, debug, info, notice, warning, error or critical.",
        transform: { text in
            guard let level = Logger.Level(rawValue: text) else {
                throw ValidationError("'\(text)' is no log level: use trace, debug, info, notice, warning, error or critical.")
            }
            return level
        })
    var logLevel = Logger.Level.info

    @Option(help: "How messages are written to standard error: text or json (one object a line).")
    var logFormat = Format.text

    func makeLogger() -> Logger {
        let format = logFormat
        var logger = Logger(label: "countersign") { _ in StandardErrorLogHandler(format: format) }
        logger.logLevel = logLevel
        return logger
    }
}

/// Writes each message as one line to standard error, in one write so that lines of several threads do not mix.
struct StandardErrorLogHandler: LogHandler {
    let format: LogOptions.Format
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    init(format: LogOptions.Format) { self.format = format }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        let time = RFC3339.string(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        let line =
            switch format {
            case .text: text(event, all, time)
            case .json: json(event, all, time)
            }
        StandardStreams.complain(line + "\n")
    }

    private func text(_ event: LogEvent, _ metadata: Logger.Metadata, _ time: String) -> String {
        let pairs = metadata.sorted { $0.key < $1.key }.map { " \($0.key)=\(quoted("\($0.value)"))" }.joined()
        return "\(time) \(event.level) \(event.message)\(pairs)"
    }

    private func quoted(_ value: String) -> String {
        value.contains { $0 == " " || $0 == "\"" || $0.isNewline } ? jsonString(value) : value
    }

    private func json(_ event: LogEvent, _ metadata: Logger.Metadata, _ time: String) -> String {
        var members = [
            "\"time\":\(jsonString(time))", "\"level\":\(jsonString(event.level.rawValue))",
            "\"message\":\(jsonString("\(event.message)"))",
        ]
        members += metadata.sorted { $0.key < $1.key }.map { "\(jsonString($0.key)):\(jsonString("\($0.value)"))" }
        return "{\(members.joined(separator: ","))}"
    }

    private func jsonString(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20: result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
