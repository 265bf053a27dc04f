import Joi from 'joi';
import type { DemoSimulation, NewBooking, Person } from './demo-simulation.ts';

/** An action of the page failed; the message is the reason. */
export class ActionError extends Error {
  override readonly name = 'ActionError';
}

type Action = (world: DemoSimulation, body: unknown) => void | Promise<void>;

const text = Joi.string().trim().min(1).max(1000).required();
const recordId = Joi.number().integer().positive().required();

const actions: Readonly<Record<string, Action>> = {
  scan: action(Joi.object<{ text: string }>({ text }), (simulation, body) => simulation.scan(body.text)),
  'remove-devices': action(Joi.object({}), (simulation) => simulation.removeDevices()),
  network: action(
    Joi.object<{ person: Person; online: boolean }>({
      person: Joi.valid('owner', 'client').required(),
      online: Joi.boolean().required(),
    }),
    (simulation, { person, online }) => simulation.setOnline(person, online),
  ),
  book: action(
    Joi.object<NewBooking>({
      name: text.max(100),
      phone: text.max(40),
      service: text.max(100),
      staff: text.max(100),
      start: Joi.string()
        .pattern(/^\d{4}-\d\d-\d\d \d\d:\d\d:00$/, 'YYYY-MM-DD HH:mm:00')
        .required(),
    }),
    (simulation, booking) => simulation.book(booking),
  ),
  move: onRecord((simulation, id) => simulation.moveByDay(id)),
  came: onRecord((simulation, id) => simulation.markCame(id)),
  cancel: onRecord((simulation, id) => simulation.cancel(id)),
  'open-chat': action(Joi.object({}), (simulation) => simulation.openChat()),
  reply: action(Joi.object<{ text: string }>({ text }), (simulation, body) => simulation.reply(body.text)),
};

/** @throws ActionError when there is no such action, its input is wrong, or a phone or the platform refuses */
export async function perform(simulation: DemoSimulation, name: string, body: unknown): Promise<void> {
  const chosen = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (chosen === undefined) throw new ActionError(`There is no action ${name}`);
  try {
    await chosen(simulation, body);
  } catch (cause) {
    throw new ActionError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function action<Body>(
  schema: Joi.ObjectSchema<Body>,
  work: (world: DemoSimulation, body: Body) => void | Promise<void>,
): Action {
  return async (simulation, body) => {
    const checked: Body = await schema.required().validateAsync(body);
    await work(simulation, checked);
  };
}

function onRecord(work: (world: DemoSimulation, id: number) => void): Action {
  return action(Joi.object<{ id: number }>({ id: recordId }), (simulation, { id }) => work(simulation, id));
}
