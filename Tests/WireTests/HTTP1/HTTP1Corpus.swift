import Foundation
import Testing

/// The inputs in `Corpus/http1`, by file name.
enum HTTP1Corpus {
    static let requests = files("requests")
    static let responses = files("responses")
    /// Inputs that once broke something.
    static let findings = files("findings")

    private static func files(_ folder: String) -> [(name: String, bytes: [UInt8])] {
        let directory = Bundle.module.bundleURL.appendingPathComponent("Corpus/http1/\(folder)")
        let urls = (try? FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)) ?? []
        return urls.sorted { $0.path < $1.path }.compactMap { url in
            guard let data = try? Data(contentsOf: url) else { return nil }
            return (url.lastPathComponent, [UInt8](data))
        }
    }
}

/// An input as a test argument: shown escaped, one scalar a byte.
struct HTTP1Input: Sendable, CustomTestStringConvertible {
    var bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }
    init(_ text: String) { bytes = text.unicodeScalars.map { UInt8($0.value) } }

    var testDescription: String { String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) })).debugDescription }
}
