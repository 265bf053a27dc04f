/**
 * Dependency directions between the parts of the program. The comment of each rule says what to do instead.
 * dependency-cruiser needs the JavaScript API of TypeScript 6 (package `typescript`): with TypeScript 7 alone it reads no
 * module and reports success, which `tests/unit/tooling/architecture.test.ts` guards against.
 */

const useCases = 'marketplace|messaging|jobs';
const adapters = 'whatsapp|yclients|inbox|storage|webhook-delivery';
const ports = '^src/ports/';

/**
 * Keeps a library inside the one folder that wraps it.
 *
 * @param {string} name
 * @param {string} packages pattern of package names
 * @param {string} home pattern of the paths that may import them
 * @param {string} comment
 */
function confined(name, packages, home, comment) {
  return {
    name: `${name}-is-confined`,
    comment,
    severity: 'error',
    from: { path: '^src/', pathNot: home },
    to: { path: `(^|/)node_modules/(@types/)?(${packages})/` },
  };
}

/**
 * Forbids every import within src except those to the given places.
 *
 * @param {string} name
 * @param {string} from pattern
 * @param {readonly string[]} allowed patterns
 * @param {string} comment
 */
function only(name, from, allowed, comment) {
  return { name, comment, severity: 'error', from: { path: from }, to: { path: '^src/', pathNot: allowed } };
}

const directions = [
  only(
    'lib-is-a-leaf',
    '^src/lib/',
    ['^src/lib/'],
    'lib is independent of this product: pass what it needs as an argument, or move the file to the part that owns it.',
  ),
  only(
    'crypto-is-a-leaf',
    '^src/crypto/',
    ['^src/crypto/', '^src/domain/ids[.]ts$'],
    'crypto is independent of what it encrypts and hashes: pass the value and its context as arguments.',
  ),
  {
    name: 'domain-is-pure',
    comment:
      'domain holds rules and types without input or output: take the result as an argument, do the work outside.',
    severity: 'error',
    from: { path: '^src/domain/' },
    to: { pathNot: ['^src/domain/', 'node_modules/(@types/)?(libphonenumber-js|luxon)/'] },
  },
  only(
    'ports-are-low',
    ports,
    [ports, '^src/domain/'],
    'A port names types of domain only: move the type to domain, or declare it in the port.',
  ),
  {
    name: 'ports-are-types',
    comment: 'Ports have no runtime: use `import type`, and move values to domain.',
    severity: 'error',
    from: { path: '^src/' },
    to: { path: ports, dependencyTypesNot: ['type-only', 'type-import'] },
  },
  only(
    'use-cases-import-ports',
    `^src/(${useCases})/`,
    [`^src/(${useCases}|domain|crypto|lib|observability)/`, ports],
    'A use case imports ports, not adapters or transports: add what it needs to a file of src/ports.',
  ),
  only(
    'messaging-is-below-marketplace',
    '^src/messaging/',
    ['^src/(messaging|domain|crypto|lib|observability)/', ports],
    'marketplace uses messaging, not the reverse: take a port or a callback as an argument; the context wires it.',
  ),
  only(
    'adapters-stand-alone',
    `^src/(${adapters})/`,
    ['^src/$1/', '^src/(domain|crypto|lib|observability)/', ports],
    'An adapter imports neither other adapters nor use cases: take a port or a function as an argument; the context wires them.',
  ),
  only(
    'transports-call-use-cases',
    '^src/(http|realtime)/',
    ['^src/$1/', `^src/(${useCases}|domain|crypto|lib|observability)/`, ports],
    'Routes and sockets call use cases and ports: import neither adapters nor the other transport.',
  ),
  only(
    'observability-is-low',
    '^src/observability/',
    ['^src/(observability|domain|lib)/'],
    'Logs and metrics serve every part, so they import only what is below all of them: pass plain values in.',
  ),
  only(
    'workers-stand-alone',
    '^src/workers/',
    ['^src/(workers|domain|lib)/', ports],
    'A worker starts in its own thread and loads everything it imports again: send it data instead.',
  ),
  only(
    'config-stands-alone',
    '^src/config/',
    ['^src/(config|observability|domain|crypto|lib)/', ports],
    'Configuration is read before the other parts exist: let main and context pass values to them.',
  ),
  {
    name: 'config-is-passed-down',
    comment: 'Configuration is parsed once by main: take the values you need as arguments.',
    severity: 'error',
    from: { path: '^src/', pathNot: '^src/(config/.+|main|context|server)[.]ts$' },
    to: { path: '^src/config/' },
  },
  {
    name: 'context-is-for-the-top',
    comment: 'No part takes the whole context: declare the collaborators it needs as its deps.',
    severity: 'error',
    from: { path: '^src/', pathNot: '^src/(main|server)[.]ts$' },
    to: { path: '^src/context[.]ts$' },
  },
  {
    name: 'context-imports-no-transport',
    comment: 'The object graph exists without HTTP and sockets: add transports in server.ts.',
    severity: 'error',
    from: { path: '^src/context[.]ts$' },
    to: { path: '^src/((http|realtime)/|(server|main)[.]ts$)' },
  },
  only(
    'server-joins-transports',
    '^src/server[.]ts$',
    [`^src/(http|realtime|config|${useCases}|observability|domain|crypto|lib)/`, '^src/context[.]ts$', ports],
    'server.ts joins transports to the context: build what needs an adapter in context.ts.',
  ),
  only(
    'main-is-thin',
    '^src/main[.]ts$',
    ['^src/[^/]+[.]ts$', '^src/(config|observability|domain|lib)/'],
    'main goes from configuration to context to server: build everything else in context.ts.',
  ),
  {
    name: 'src-imports-no-tests',
    comment: 'The simulators are reached by URL (WHATSAPP_WS_URL, YCLIENTS_API_URL), never by an import.',
    severity: 'error',
    from: { path: '^src/' },
    to: { path: '^(tests|dev-env|bench|public)/' },
  },
  {
    name: 'dev-env-imports-no-tests',
    comment: 'The demo and the simulators work without the suites: move what they share to dev-env.',
    severity: 'error',
    from: { path: '^dev-env/' },
    to: { path: '^(tests|bench)/' },
  },
  {
    name: 'bench-imports-src-and-dev-env',
    comment: 'Benchmarks run without the suites: move what they share with tests to dev-env.',
    severity: 'error',
    from: { path: '^bench/' },
    to: { path: '^(tests|public|supabase)/' },
  },
  {
    name: 'support-imports-no-suite',
    comment: 'Suites import support, not the reverse: move what several suites share to tests/support.',
    severity: 'error',
    from: { path: '^tests/support/' },
    to: { path: '^tests/(unit|integration|resilience|e2e|tooling)/' },
  },
  {
    name: 'simulators-import-no-src',
    comment:
      'A simulator that shares code with the product shares its errors: implement the vendor side separately, also where a helper imports src.',
    severity: 'error',
    from: { path: '^dev-env/simulators/' },
    to: { path: '^src/', reachable: true },
  },
  {
    name: 'pages-stand-alone',
    comment:
      'Pages run in the browser: they import only files of public and the Socket.IO client that the server serves.',
    severity: 'error',
    from: { path: '^public/' },
    to: { pathNot: '^public/|node_modules/socket[.]io-client/' },
  },
];

const libraries = [
  confined(
    'baileys',
    '@whiskeysockets/[^/]+|baileys|libsignal',
    '^src/whatsapp/',
    'Baileys and its types stop at whatsapp/: translate them into a type of domain or ports.',
  ),
  confined('express', 'express', '^src/http/', 'Express stops at http/: pass plain values on from there.'),
  confined(
    'socket-io',
    'socket[.]io[^/]*|@socket[.]io/[^/]+',
    '^src/(realtime/|server[.]ts$)',
    'Socket.IO stops at realtime/ and server.ts: emit through MarketplaceSocket.',
  ),
  confined(
    'database',
    '@supabase/[^/]+|@electric-sql/[^/]+|pg|pg-boss|ioredis|redis|@redis/[^/]+',
    '^src/storage/',
    'Database, queue and Redis clients stop at storage/: add a method to a port.',
  ),
  confined(
    'prom-client',
    'prom-client',
    '^src/observability/metrics[.]ts$',
    'Every metric is declared in observability/metrics.ts: add yours there.',
  ),
  confined(
    'winston',
    'winston[^/]*|logform',
    '^src/observability/logger[.]ts$',
    'Loggers come from observability/logger.ts: take one as an argument.',
  ),
];

const hygiene = [
  {
    name: 'no-cycle',
    comment:
      'Two files that import each other, even for a type, are one file or need a third one below them.',
    severity: 'error',
    from: {},
    to: { circular: true },
  },
  {
    name: 'import-resolves',
    comment: 'The import does not resolve: correct the path, or add the package to package.json.',
    severity: 'error',
    from: { path: '^(src|tests|dev-env|bench)/' },
    to: { couldNotResolve: true },
  },
  {
    name: 'reachable-from-main',
    comment: 'The process never loads this file: wire it up in context.ts, or delete it.',
    severity: 'error',
    from: { path: '^src/main[.]ts$' },
    to: { path: '^src/', pathNot: '^src/workers/', reachable: false },
  },
  {
    name: 'runs-without-dev-dependencies',
    comment: 'Production installs with `npm ci --omit=dev`: move the package to dependencies.',
    severity: 'error',
    from: { path: '^src/' },
    to: {
      dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
      dependencyTypesNot: ['type-only', 'type-import'],
    },
  },
];

export default {
  forbidden: [...directions, ...libraries, ...hygiene],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types'],
    },
  },
};
