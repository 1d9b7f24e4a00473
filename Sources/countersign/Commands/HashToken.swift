import ArgumentParser
import Digests
import FoundationEssentials
import Glibc

/// `countersign hash-token`: what stands in the configuration instead of a caller's token.
struct HashToken: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash-token",
        abstract: "Read a caller token on standard input and print its \"tokenSha256\".",
        discussion: """
            The token itself need not stand in any file of the gateway. A line end after it is left out. For example:

              openssl rand -base64 32 | tee token.txt | countersign hash-token
            """)

    /// A shorter token can be found by trying; bytes.
    static let shortestToken = 8

    func run() throws {
        try reportingUsageMistakes(of: "hash-token") {
            let input = try StandardStreams.readToEnd()
            let token = try HashToken.token(in: Array(input))
            print(Hex.string(try SHA256.hash(token)))
        }
    }

    static func token(in input: [UInt8]) throws -> [UInt8] {
        var token = input
        if token.last == 0x0A { token.removeLast() }
        if token.last == 0x0D { token.removeLast() }
        if token.isEmpty {
            throw ValidationError("There is no token on standard input: pipe it in, for example from \"openssl rand -base64 32\".")
        }
        if token.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
            throw ValidationError(
                "The token holds a blank or control character, which no header can carry as part of it: give the token alone, on one line.")
        }
        if token.count < shortestToken {
            throw ValidationError(
                "The token has only \(token.count) bytes and could be guessed: use at least \(shortestToken), "
                    + "better 32 random ones (\"openssl rand -base64 32\").")
        }
        return token
    }
}
