// An OpenID provider that is not ours (npm `oidc-provider`), at the paths that Entra's sign-in host has. What is configured
// here is who may sign in; the protocol is the library's. It listens on loopback and says where in its first line; each
// further line is a grant that it gave or refused. `node peer.mjs CERTIFICATE.pem`
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Provider, interactionPolicy } from 'oidc-provider';

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
const host = '/contoso.example/oauth2/v2.0';
const certificate = new X509Certificate(readFileSync(process.argv[2]));

const policy = interactionPolicy.base();
policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0);

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'daemon',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'PS256',
      jwks: { keys: [{ ...certificate.publicKey.export({ format: 'jwk' }), use: 'sig' }] },
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    },
    {
      client_id: 'desk',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      redirect_uris: ['http://localhost'],
      response_types: ['code'],
    },
  ],
  clientAuthMethods: ['private_key_jwt', 'none'],
  enabledJWA: { clientAuthSigningAlgValues: ['PS256'] },
  features: { clientCredentials: { enabled: true }, deviceFlow: { enabled: true }, devInteractions: { enabled: false } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { policy, url: (_, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  pkce: { required: () => true },
  rotateRefreshToken: true,
  routes: {
    authorization: `${host}/authorize`,
    token: `${host}/token`,
    device_authorization: `${host}/devicecode`,
    code_verification: '/device',
  },
  scopes: ['openid', 'profile', 'offline_access', `${issuer}/.default`],
  ttl: { ClientCredentials: 3600, AccessToken: 3600, DeviceCode: 600, Grant: 3600, Interaction: 600, RefreshToken: 3600, Session: 600 },
});

// Whoever comes to a page that asks something is the same person and agrees.
async function agree(request, response) {
  const { params, prompt, grantId, session } = await provider.interactionDetails(request, response);
  const result = { [prompt.name]: {} };
  if (prompt.name === 'login') result.login = { accountId: 'adele' };
  if (prompt.name === 'consent') {
    const known = grantId && (await provider.Grant.find(grantId));
    const grant = known || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    result.consent = { grantId: await grant.save() };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

provider.on('grant.success', (ctx) => say({ granted: ctx.oidc.params.grant_type, client: ctx.oidc.client.clientId }));
provider.on('grant.error', (ctx, error) => say({ refused: ctx.oidc.params?.grant_type, why: error.error_detail ?? error.error_description ?? error.error }));
provider.on('server_error', (_, error) => say({ broken: String(error) }));

const callback = provider.callback();
server.on('request', (request, response) => {
  // Entra gives refresh tokens to whoever asks for `offline_access`; the library only after a page that asks for consent
  // (OpenID Connect section 11). The person is sent there, too.
  request.url = request.url.replace('prompt=select_account', 'prompt=select_account+consent');
  const page = request.url.startsWith('/interaction/') ? agree(request, response) : callback(request, response);
  Promise.resolve(page).catch((error) => response.writeHead(500).end(String(error)));
});
say({ issuer });
