import type { KnipConfig } from 'knip';

/** Pages name their scripts by the path the server gives them; on disk these lie in the page's own `scripts` folder. */
function importsOfPage(html: string): string {
  const sources = html.matchAll(/<script\b[^>]*\bsrc="[^"]*?\b(?<path>scripts\/[^"?]+)"/gu);
  return Array.from(sources, ({ groups }) => `import './${groups?.['path'] ?? ''}';`).join('\n');
}

export default {
  entry: [
    'src/main.ts!',
    'src/workers/*.ts!',
    'public/*.html!',
    'supabase/migrations.ts',
    'tests/tooling/check-vocabulary.ts',
    'dev-env/demo/*.html',
    'bench/{baseline-server,bare-qr-server,bare-sessions,whatsapp-process}.ts',
    'dev-env/footprint/footprint.ts',
    'tests/support/clock/clock-offset.ts',
  ],
  project: [
    'src/**/*.ts!',
    'public/**/*.{html,js}!',
    'supabase/*.ts',
    '{dev-env,bench,tests}/**/*.{ts,js,html}',
  ],
  compilers: { html: importsOfPage },
  ignoreExportsUsedInFile: true,
  // Of the system.
  ignoreBinaries: ['mount', 'taskset', 'umount'],
  // Called by name in tests/tooling/steps.ts, or by another tool.
  ignoreDependencies: ['@typescript/native', 'dependency-cruiser', 'oxlint', 'oxlint-tsgolint', 'supabase'],
} satisfies KnipConfig;
