// An OpenID provider on a free port of the loopback interface, with keys of its own. It prints its issuer as one line and ends with
// its standard input.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const jwk = (kid, alg, pair) => ({ ...pair.privateKey.export({ format: "jwk" }), kid, alg, use: "sig" });
const keys = [
  jwk("rsa", "RS256", generateKeyPairSync("rsa", { modulusLength: 2048 })),
  jwk("ec", "ES256", generateKeyPairSync("ec", { namedCurve: "P-256" })),
  jwk("ed", "EdDSA", generateKeyPairSync("ed25519")),
];

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: "robot",
        client_secret: "robot-secret",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    scopes: ["read"],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        // urn:<audience>:<algorithm>
        getResourceServerInfo: (_context, resource) => {
          const [, audience, alg] = resource.split(":");
          return { scope: "read", audience, accessTokenFormat: "jwt", accessTokenTTL: 600, jwt: { sign: { alg } } };
        },
      },
    },
    extraTokenClaims: () => ({ roles: ["team-a", "system:masters"] }),
  });
  server.on("request", provider.callback());
  console.log(issuer);
});

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
