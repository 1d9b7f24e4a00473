import FoundationEssentials
import GatewayConfig

/// The configuration of the demo: written as a file and read like any other, so that what it shows is what users get.
enum DemoConfiguration {
    static func settings(gatewayPort: Int, doublePort: Int, folder: URL) throws -> Settings {
        let file = folder.appendingPathComponent("config.json")
        let text = text(gatewayPort: gatewayPort, doublePort: doublePort)
        try Data(text.utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        return try ConfigurationLoader.load(path: file.path, environment: .process)
    }

    /// The key is the one that AWS's documents use as an example; it opens nothing but the stand-in.
    private static func text(gatewayPort: Int, doublePort: Int) -> String {
        """
        {
          "listeners": [ { "bind": "127.0.0.1:\(gatewayPort)" } ],
          "admin": { "bind": "127.0.0.1:0" },
          "credentials": { "example": { "type": "static", "accessKeyId": "AKIDEXAMPLE",
                                        "secretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" } },
          "upstreams": { "chime": { "url": "http://127.0.0.1:\(doublePort)", "service": "chime", "region": "us-east-1", "credentials": "example" } },
          "limits": { "account": { "rate": "10/s", "burst": 20, "per": "upstream", "maxWait": "250ms", "adaptive": true } },
          "routes": [
            { "operation": "DeletePhoneNumber", "method": "DELETE", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime",
              "parameters": { "phoneNumberId": { "format": "e164", "deny": ["+12065550199"] } }, "limits": ["account"] },
            { "operation": "GetPhoneNumber", "method": "GET", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime",
              "parameters": { "phoneNumberId": { "format": "e164" } }, "limits": ["account"] },
            { "operation": "ListPhoneNumbers", "method": "GET", "path": "/phone-numbers", "upstream": "chime", "query": true, "limits": ["account"] },
            { "operation": "RestorePhoneNumber", "method": "POST", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime",
              "parameters": { "phoneNumberId": { "format": "e164" } }, "query": true, "limits": ["account"] }
          ],
          "audit": { "file": { "path": "audit.jsonl", "sync": "always" } }
        }
        """
    }
}
