// An OpenID provider on a free port of the loopback interface, with keys of its own. It prints its issuer as one line and ends with
// its standard input.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const jwk = (kid, alg, pair) => ({ ...pair.privateKey.export({ format: "jwk" }), kid, alg, use: "sig" });
const keys = [
  jwk("rsa", "RS256", generateKeyPairSync("rsa", { modulusLength: 2048 })),
  jwk("ec", "ES256", generateKeyPairSync("ec", { namedCurve: "P-256" })),
  jwk("ed", "EdDSA", generateKeyPairSync("ed25519")),
];

// the first line of the output is the issuer, whatever else there is to tell
console.info = console.error;

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
      {
        client_id: "web",
        client_secret: "web-secret",
        grant_types: ["authorization_code"],
        redirect_uris: ["http://127.0.0.1:8080/auth/callback"],
        response_types: ["code"],
      },
    ],
    // whoever logs in is who they say
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId, roles: ["team-b"] }) }),
    claims: { openid: ["sub", "roles"] },
    cookies: { keys: [randomUUID()] },
    scopes: ["read"],
    features: {
      devInteractions: { enabled: true },
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
