import type { InstallationStatus } from '../simulators/yclients/salon.ts';

/** Delivery state of a message for its sender. */
export type Ticks = 'sent' | 'delivered' | 'read';

export type ChatMessage = Readonly<{ id: string; text: string; at: string; mine: boolean; ticks: Ticks }>;

export type PhoneState = Readonly<{ number: string; online: boolean; chat: readonly ChatMessage[] }>;

export type BookingState = Readonly<{
  id: number;
  /** Local time of the salon, `YYYY-MM-DD HH:mm:ss`. */
  start: string;
  client: string;
  service: string;
  staff: string;
  came: boolean;
  cancelled: boolean;
  /** The last one about this booking and how the server answered it. */
  webhook: Readonly<{ event: string; status: number | null; durationMs: number }> | null;
}>;

/** State of the server by its public interface. */
export type ServerState = Readonly<{
  health: 'ready' | 'not ready' | 'unreachable';
  session: string | null;
  integration: string | null;
  phone: string | null;
}>;

/** State of the whole page. */
export type DemoState = Readonly<{
  marketplaceUrl: string;
  salon: Readonly<{
    title: string;
    status: InstallationStatus;
    services: readonly string[];
    staff: readonly string[];
  }>;
  server: ServerState;
  owner: PhoneState & Readonly<{ linkedDevices: readonly number[] }>;
  client: PhoneState;
  bookings: readonly BookingState[];
}>;
