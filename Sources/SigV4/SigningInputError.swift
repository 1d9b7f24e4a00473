/// What is wrong with a request that someone typed or saved, with what to write instead.
public struct SigningInputError: Error, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
