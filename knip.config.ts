import type { KnipConfig } from 'knip';

/** Pages name their scripts by the path the server gives them; on disk these lie in the page's own `scripts` folder. */
function importsOfPage(html: string): string {
  const sources = html.matchAll(/<script\b[^>]*\bsrc="[^"]*?\b(?<path>scripts\/[^"?]+)"/gu);
  return Array.from(sources, ({ groups }) => `import './${groups?.['path'] ?? ''}';`).join('\n');
}

export default {
  // The programs of the tests are found in package.json.
  entry: ['src/main.ts!', 'src/workers/*.ts!', 'public/*.html!', 'tests/demo/*.html'],
  project: ['src/**/*.ts!', 'public/**/*.{html,js}!', 'tests/**/*.{ts,js,html}'],
  compilers: { html: importsOfPage },
  ignoreExportsUsedInFile: true,
} satisfies KnipConfig;
