export type Prototype = Record<string | symbol, unknown>;
export type Method = (self: unknown, ...args: readonly unknown[]) => unknown;

/** Lets `install` change the methods of a library's class; the same mark again does nothing. */
export function patchOnce(prototype: object, mark: symbol, install: (prototype: Prototype) => void): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a prototype is a record of methods
  const methods = prototype as Prototype;
  if (methods[mark] === true) return;
  methods[mark] = true;
  install(methods);
}

/** @throws Error when the library has changed */
export function getMethod(prototype: Prototype, name: string): Method {
  const method = prototype[name];
  if (typeof method !== 'function')
    throw new Error(`Patched method ${name} not found, the library has changed`);
  return (self, ...args) => Reflect.apply(method, self, args) as unknown;
}
