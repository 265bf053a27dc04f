export const clientAnswers = ['stop', 'start', 'yes', 'no'] as const;

/** What a client's message asks for. */
export type ClientAnswer = (typeof clientAnswers)[number];

const words: Readonly<Record<ClientAnswer, readonly string[]>> = {
  stop: ['стоп', 'stop', 'отписаться', 'unsubscribe'],
  start: ['старт', 'start'],
  yes: ['1', 'да', 'yes', 'подтверждаю'],
  no: ['0', 'нет', 'no'],
};

const answerOf: ReadonlyMap<string, ClientAnswer> = new Map(
  clientAnswers.flatMap((answer) => words[answer].map((word) => [word, answer] as const)),
);

/** Latin letters that a keyboard in the wrong language puts into a Russian word. */
const lookAlikes: Readonly<Record<string, string>> = {
  c: 'с',
  o: 'о',
  t: 'т',
  p: 'р',
  a: 'а',
  h: 'н',
  e: 'е',
};

const longestAnswer = 20;

/**
 * What a client's message asks for, when the whole of it is one of the words that we offer; anything longer is for the salon
 * to read. Case, punctuation at its ends, keycap emoji and mixed alphabets do not matter.
 */
export function clientAnswerOf(text: string): ClientAnswer | undefined {
  if (text.length > longestAnswer) return undefined;
  const word = text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\u{FE0F}\u{20E3}]/gu, '')
    .replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
  return (
    answerOf.get(word) ?? answerOf.get(Array.from(word, (letter) => lookAlikes[letter] ?? letter).join(''))
  );
}
