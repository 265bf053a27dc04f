/**
 * The supported language that an `Accept-Language` header asks for most; the first supported one when it names none.
 * `en-US;q=0.9` counts as `en`.
 */
export function preferredLanguage<Supported extends string>(
  header: string | undefined,
  supported: readonly [Supported, ...Supported[]],
): Supported {
  let best = supported[0];
  let bestWeight = 0;
  for (const range of (header ?? '').slice(0, longestHeader).split(',')) {
    const [tag = '', ...parameters] = range.trim().toLowerCase().split(';');
    const primary = tag.split('-')[0];
    const language = supported.find((candidate) => candidate === primary);
    const weight = weightOf(parameters);
    if (language !== undefined && weight > bestWeight) {
      best = language;
      bestWeight = weight;
    }
  }
  return best;
}

const longestHeader = 200;

function weightOf(parameters: readonly string[]): number {
  const quality = parameters.map((parameter) => parameter.trim()).find((text) => text.startsWith('q='));
  const weight = quality === undefined ? 1 : Number(quality.slice(2));
  return Number.isFinite(weight) ? weight : 0;
}
