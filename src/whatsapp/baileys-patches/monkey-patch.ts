export type Prototype = Record<string | symbol, unknown>;
export type Method = (self: unknown, ...args: readonly unknown[]) => unknown;

/** Calls `install` with the prototype of a library class, unless a patch with the same mark is installed. */
export function patchOnce(prototype: object, mark: symbol, install: (prototype: Prototype) => void): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a prototype is a record of methods
  const methods = prototype as Prototype;
  if (methods[mark] === true) return;
  methods[mark] = true;
  install(methods);
}

/** @throws Error when the library no longer has the method */
export function getMethod(prototype: Prototype, name: string): Method {
  const method = prototype[name];
  if (typeof method !== 'function')
    throw new Error(`Patched method ${name} not found, the library has changed`);
  return (self, ...args) => Reflect.apply(method, self, args) as unknown;
}
