import type { KnipConfig } from 'knip';

/** Pages reference scripts by URL path; on disk they are in the page's `scripts` folder. */
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
  // System programs.
  ignoreBinaries: ['mount', 'taskset', 'umount'],
  // Run by tests/tooling/steps.ts or by another tool.
  ignoreDependencies: ['@typescript/native', 'dependency-cruiser', 'oxlint', 'oxlint-tsgolint', 'supabase'],
} satisfies KnipConfig;
