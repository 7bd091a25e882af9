// A provider of OAuth for tests: npm `oidc-provider` in memory, with one confidential client and a user who agrees to everything.
//
// Arguments: the folder of the package `oidc-provider`, and a file of settings in JSON (`client_id`, `client_secret`,
// `authentication`, `redirect_uris`, `scopes`, `access_token_seconds`). The port of the first start is kept beside the
// settings, so that the server comes back where it was. Prints `listening on ADDRESS` once it answers.

import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const [packageFolder, settingsFile] = process.argv.slice(2);
// By its address: a bare name would be looked for beside this file.
const { default: Provider } = await import(pathToFileURL(`${packageFolder}/lib/index.js`));
const settings = JSON.parse(readFileSync(settingsFile, 'utf8'));
const portFile = `${settingsFile}.port`;

let accessTokenSeconds = settings.access_token_seconds;
let agrees = true;
// Of everybody who agreed.
const grantIds = [];
const accessTokens = [];
// What the token URL was asked for, and how that ended.
const counts = { requests: 0, granted: {}, refused: {} };
// The distinct tokens that the resource was asked with.
const seen = { accepted: new Set(), refused: new Set() };

const listen = (server, port) =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server.address().port));
  });

// The provider's name holds its port, so there is a port before there is a provider.
let answer = (_request, response) => response.writeHead(503).end();
const server = createServer((request, response) => answer(request, response));
const port = await listen(server, existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) : 0);
writeFileSync(portFile, String(port));
const issuer = `http://127.0.0.1:${port}`;

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: settings.client_id,
      client_secret: settings.client_secret,
      redirect_uris: settings.redirect_uris,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: settings.authentication,
      id_token_signed_response_alg: 'ES256',
    },
  ],
  scopes: ['openid', 'offline_access', ...settings.scopes],
  pkce: { required: () => true },
  // Every refresh token works once; one that comes twice ends the whole grant, which is the package's own doing.
  rotateRefreshToken: true,
  // As Google does for `access_type=offline`, which is no scope.
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  expiresWithSession: async () => false,
  ttl: {
    AccessToken: () => accessTokenSeconds,
    AuthorizationCode: 60,
    Grant: 14 * 24 * 3600,
    IdToken: 3600,
    Interaction: 3600,
    RefreshToken: 14 * 24 * 3600,
    Session: 14 * 24 * 3600,
  },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  features: { devInteractions: { enabled: false } },
  cookies: { keys: ['of a test'] },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' }] },
});

const count = (where, name) => {
  where[name] = (where[name] ?? 0) + 1;
};
const grantType = (ctx) => String(ctx.oidc?.params?.grant_type ?? ctx.oidc?.body?.grant_type ?? 'unknown');
provider.on('grant.success', (ctx) => count(counts.granted, grantType(ctx)));
provider.on('grant.error', (ctx, error) => count(counts.refused, `${grantType(ctx)} ${error.error}`));
provider.on('access_token.saved', (token) => accessTokens.push(token));
provider.on('server_error', (_ctx, error) => console.error(error));

const finish = (request, response, result) =>
  provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });

// The user logs in and agrees to whatever is asked, or to nothing.
const decide = async (request, response) => {
  const { params } = await provider.interactionDetails(request, response);
  const accountId = 'ada';
  if (!agrees) {
    await finish(request, response, { error: 'access_denied' });
    return;
  }
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const grantId = await grant.save();
  grantIds.push(grantId);
  await finish(request, response, { login: { accountId }, consent: { grantId } });
};

const send = (response, status, value, headers = {}) => {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length, ...headers });
  response.end(body);
};

// Something that only a valid token opens.
const me = async (request, response) => {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const found = token && (await provider.AccessToken.find(token));
  if (token) {
    seen[found ? 'accepted' : 'refused'].add(token);
  }
  if (found) {
    send(response, 200, { account: found.accountId, scope: found.scope });
  } else {
    send(response, 401, { error: 'invalid_token' }, { 'www-authenticate': 'Bearer error="invalid_token"' });
  }
};

const administration = {
  'GET /admin/grants': () => counts,
  'GET /admin/seen': () => ({ accepted: seen.accepted.size, refused: seen.refused.size }),
  // As when the user takes their leave back.
  'POST /admin/revoke': async () => {
    await Promise.all(grantIds.map((id) => provider.AccessToken.revokeByGrantId(id)));
    await Promise.all(grantIds.map((id) => provider.RefreshToken.revokeByGrantId(id)));
    await Promise.all(grantIds.map((id) => provider.Grant.adapter.destroy(id)));
    return { revoked: grantIds.length };
  },
  // As when their time is over: refresh tokens go on working.
  'POST /admin/expire': async () => {
    const ended = accessTokens.splice(0);
    await Promise.all(ended.map((token) => token.destroy()));
    return { ended: ended.length };
  },
  // Whether the user agrees from now on.
  'POST /admin/leave': (url) => {
    agrees = url.searchParams.get('given') === 'true';
    return { agrees };
  },
  // Of the tokens to come, in seconds.
  'POST /admin/ttl': (url) => {
    accessTokenSeconds = Number(url.searchParams.get('seconds'));
    return { access_token_seconds: accessTokenSeconds };
  },
};

const callback = provider.callback();
const route = async (request, response) => {
  const url = new URL(request.url, issuer);
  const administer = administration[`${request.method} ${url.pathname}`];
  if (administer) {
    send(response, 200, await administer(url));
  } else if (url.pathname === '/me') {
    await me(request, response);
  } else if (url.pathname.startsWith('/interaction/')) {
    await decide(request, response);
  } else {
    if (url.pathname === '/token') {
      counts.requests += 1;
    }
    await callback(request, response);
  }
};
answer = (request, response) => {
  route(request, response).catch((error) => {
    console.error(error);
    response.headersSent ? response.destroy() : send(response, 500, { error: String(error) });
  });
};

console.log(`listening on ${issuer}`);
