import Digests
import FoundationEssentials

/// The page to look at: one document with its style and its script in it, the same for every gateway. What it shows, it asks for itself.
enum StatusPage {
    static let answer: AdminAnswer = {
        guard let styleHash = hash(style), let scriptHash = hash(script) else {
            return AdminAnswer(status: 500, body: "libcrypto failed, so the page cannot be shown; /status says the same.\n")
        }
        return AdminAnswer(contentType: "text/html; charset=utf-8", body: document, fields: fields(styleHash, scriptHash))
    }()

    static let style = text(PackageResources.page_css)

    /// One module: the parts share their names, and nobody else sees them.
    static let script = [
        PackageResources.dom_js, PackageResources.charts_js, PackageResources.tables_js, PackageResources.records_js,
        PackageResources.page_js,
    ].map(text).joined(separator: "\n")

    static let document: String = {
        let (beforeStyle, rest) = cut(text(PackageResources.page_html), at: "{{style}}")
        let (beforeScript, end) = cut(rest, at: "{{script}}")
        return beforeStyle + style + beforeScript + script + end
    }()

    /// Content Security Policy Level 3. Nothing but the style and the script that are in the document, by their hashes, and requests to
    /// this very listener; texts cannot become elements (Trusted Types), and no other page can hold this one in a frame.
    private static func fields(_ styleHash: String, _ scriptHash: String) -> [(String, String)] {
        let policy = [
            "default-src 'none'", "script-src 'sha256-\(scriptHash)'", "style-src 'sha256-\(styleHash)'", "connect-src 'self'",
            "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
        return [("Content-Security-Policy", policy.joined(separator: "; ")), ("Cross-Origin-Opener-Policy", "same-origin")]
    }

    private static func hash(_ text: String) -> String? {
        (try? SHA256.hash(Array(text.utf8))).map { Data($0).base64EncodedString() }
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func cut(_ text: String, at mark: String) -> (String, String) {
        guard let range = text.firstRange(of: mark) else { return (text, "") }
        return (String(text[..<range.lowerBound]), String(text[range.upperBound...]))
    }
}
