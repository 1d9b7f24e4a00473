/// Why a message is no HTTP/1.1 that this codec accepts. The connection must be closed after it: where the next message starts is not known.
public struct HTTP1Error: Error, Sendable, Equatable {
    public enum Kind: UInt8, Sendable, Equatable, CaseIterable {
        // Start line
        case emptyRequestLine, malformedRequestLine, requestLineTooLong, methodTooLong, invalidMethod, invalidTarget, fragmentInTarget
        case unsupportedTargetForm, unsupportedVersion, http2Preface, tlsHandshake
        case malformedStatusLine, statusLineTooLong, unexpectedUpgrade
        // Lines and fields
        case bareLineFeed, bareCarriageReturn, foldedLine, spaceBeforeColon, missingColon, emptyFieldName, invalidFieldName,
            controlInFieldValue
        case tooManyFields, headTooLarge
        // Fields that decide
        case missingHost, repeatedHost, invalidHost, hostMismatch, invalidConnection, unsupportedExpectation
        case invalidContentLength, repeatedContentLength, contentLengthWithTransferEncoding
        case unknownTransferCoding, invalidTransferEncoding, transferEncodingInOldVersion
        // Body
        case invalidChunkSize, chunkSizeOverflow, invalidChunkExtension, chunkExtensionsTooLarge, missingChunkEnd, forbiddenTrailer,
            trailersTooLarge
        case contentTooLarge, truncatedBody
    }

    public var kind: Kind

    public init(_ kind: Kind) { self.kind = kind }

    /// The status that answers a request with this mistake (RFC 9110 section 15.5 and 15.6). A response with it is a 502 matter, whatever stands here.
    public var status: Int {
        switch kind {
        case .requestLineTooLong: 414
        case .tooManyFields, .headTooLarge, .trailersTooLarge: 431
        case .methodTooLong: 501
        case .unsupportedVersion, .http2Preface: 505
        case .unsupportedExpectation: 417
        case .contentTooLarge: 413
        default: 400
        }
    }

    /// One sentence: the mistake and what to send instead. Never holds a byte of the input.
    public var message: String {
        switch kind {
        case .emptyRequestLine: "More than one empty line stands before the request line; start with the request line."
        case .malformedRequestLine: "The request line must read METHOD SP TARGET SP HTTP/1.1, with single spaces."
        case .requestLineTooLong: "The request line is longer than this listener accepts; shorten the path or the query."
        case .methodTooLong: "The method is longer than 32 characters; use a registered method."
        case .invalidMethod: "The method holds a character that no method may hold; use a registered method such as DELETE."
        case .invalidTarget:
            "The request target holds a blank or another character that must be percent-encoded; a phone number starts with %2B or '+', not a blank."
        case .fragmentInTarget: "The request target holds a '#'; leave the fragment out, or write %23."
        case .unsupportedTargetForm: "The request target must be a path that starts with '/'; CONNECT and '*' are not served."
        case .unsupportedVersion: "Only HTTP/1.1 and HTTP/1.0 are spoken on this connection; name one of them in the request line."
        case .http2Preface: "HTTP/2 was started where HTTP/1.1 is spoken; use HTTP/1.1, or a listener that offers HTTP/2."
        case .tlsHandshake: "A TLS handshake came to a plaintext listener; use an http:// URL or a listener with TLS."
        case .malformedStatusLine: "The status line must read HTTP/1.1 SP three digits SP reason."
        case .statusLineTooLong: "The status line is longer than the limit; shorten the reason phrase."
        case .unexpectedUpgrade: "The answer switches protocols though no upgrade was asked for; answer in HTTP/1.1."
        case .bareLineFeed: "A line ends in LF alone; end every line with CR LF."
        case .bareCarriageReturn: "A CR stands without its LF; end every line with CR LF and use CR nowhere else."
        case .foldedLine: "A field line starts with a blank (line folding is obsolete); write each field on one line."
        case .spaceBeforeColon: "A blank stands between a field name and its colon; remove it."
        case .missingColon: "A field line has no colon; write it as name: value."
        case .emptyFieldName: "A field line starts with its colon; give the field a name."
        case .invalidFieldName: "A field name holds a character that no field name may hold; use letters, digits and hyphens."
        case .controlInFieldValue: "A field value or reason holds a control character; remove it or encode it."
        case .tooManyFields: "The head has more fields than this listener accepts; send fewer."
        case .headTooLarge: "The head is larger than this listener accepts; send fewer or shorter fields."
        case .missingHost: "An HTTP/1.1 request needs a Host field; add it."
        case .repeatedHost: "The request has two Host fields; send one."
        case .invalidHost: "The Host field must hold a host name or address, and a port if one is needed, and nothing else."
        case .hostMismatch: "The authority in the request target differs from the Host field; send a path as target, or make them equal."
        case .invalidConnection: "The Connection field must be a comma-separated list of tokens, such as close."
        case .unsupportedExpectation: "Only the expectation 100-continue is met; leave other Expect fields out."
        case .invalidContentLength: "Content-Length must be one decimal number without sign, blanks or list."
        case .repeatedContentLength: "The message has two Content-Length fields; send one."
        case .contentLengthWithTransferEncoding: "The message has both Content-Length and Transfer-Encoding; send one of them."
        case .unknownTransferCoding: "The only transfer coding accepted is chunked; send the content without other transfer codings."
        case .invalidTransferEncoding: "Transfer-Encoding must be the one word chunked, named once."
        case .transferEncodingInOldVersion: "HTTP/1.0 has no Transfer-Encoding; use Content-Length or HTTP/1.1."
        case .invalidChunkSize: "A chunk must start with its size in hexadecimal digits, directly followed by CR LF or a semicolon."
        case .chunkSizeOverflow: "A chunk size is larger than any message may be; send smaller chunks."
        case .invalidChunkExtension: "A chunk extension must read ;name or ;name=value without blanks; leave extensions out."
        case .chunkExtensionsTooLarge: "The chunk extensions together are longer than the limit; leave them out."
        case .missingChunkEnd: "The data of a chunk must be followed by CR LF; make the chunk size match its data."
        case .forbiddenTrailer:
            "A field that frames the message, such as Content-Length, may not stand in the trailer section; put it into the head."
        case .trailersTooLarge: "The trailer section is larger than the limit; send fewer or shorter trailers."
        case .contentTooLarge: "The content is larger than this listener accepts; send less."
        case .truncatedBody: "The connection ended before the message was complete; send the whole content."
        }
    }
}
