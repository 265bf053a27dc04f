import { startStack } from '../network.ts';
import { muteLibsignalConsole } from '../simulators/whatsapp/libsignal-console.ts';
import { DemoServer } from './demo-server.ts';
import { DemoSimulation } from './demo-simulation.ts';

export type DemoAddresses = Readonly<{
  page: string;
  marketplace: string;
  server: string;
  directory: string;
}>;

/** The demo page, the server and the simulators, until disposed. */
export class Demo implements AsyncDisposable {
  readonly addresses: DemoAddresses;
  readonly #scope: AsyncDisposableStack;

  private constructor(addresses: DemoAddresses, scope: AsyncDisposableStack) {
    this.addresses = addresses;
    this.#scope = scope;
  }

  /**
   * @param port of the page; the marketplace takes the next one; 0 picks free ones
   * @throws Error with code `EADDRINUSE` when another program has a port
   */
  static async start(port: number): Promise<Demo> {
    await using scope = new AsyncDisposableStack();
    scope.use(muteLibsignalConsole());
    const page = scope.use(await DemoServer.listen(port));
    const stack = scope.use(
      await startStack({
        yclientsPort: port === 0 ? 0 : port + 1,
        environment: { PUBLIC_URL: page.origin, TRUST_PROXY: '1', FRAME_ANCESTORS: page.origin },
      }),
    );
    const simulation = new DemoSimulation(stack);
    page.serve(simulation, stack.url);
    const addresses = {
      page: `${page.origin}/demo/`,
      marketplace: simulation.state.marketplaceUrl,
      server: page.origin,
      directory: stack.directory,
    };
    return new Demo(addresses, scope.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
  }
}
