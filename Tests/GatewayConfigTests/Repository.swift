/// Files of the repository, found from this source file.
enum Repository {
    static func path(_ relative: String, file: String = #filePath) -> String {
        file.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" } + "/" + relative
    }
}
