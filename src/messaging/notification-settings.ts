import type { Company } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import { type BookingMessageKind, bookingMessageKinds } from '../domain/notification/message.ts';
import type { NotificationSettings } from '../domain/notification/settings.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Contacts, Settings } from '../ports/messages.ts';
import { defaultTemplate } from './templates/defaults.ts';
import { exampleBooking } from './templates/example-booking.ts';
import { renderMessage } from './templates/render.ts';
import { assertTemplate, templateProblems, type TemplateProblem } from './templates/template.ts';
import { variablesFor } from './templates/variables.ts';

export type NotificationSettingsDeps = Readonly<{
  settings: Settings;
  contacts: Pick<Contacts, 'optedOut'>;
  /** Enqueues the replanning of the company's bookings. */
  requestReplan: (companyId: CompanyId) => Promise<void>;
  report: BusinessEvents;
}>;

export type TemplatePreview = Readonly<{
  text: string;
  length: number;
  problems: readonly TemplateProblem[];
}>;

/** Reads, previews and changes the notification settings of a company. */
export class NotificationSettingsService {
  readonly #deps: NotificationSettingsDeps;

  constructor(deps: NotificationSettingsDeps) {
    this.#deps = deps;
  }

  async get({ id }: Company): Promise<NotificationSettings> {
    return await this.#deps.settings.get(id);
  }

  /**
   * Saves the settings and replans queued messages.
   * @throws AppError `VALIDATION_ERROR` for an invalid template, `FORBIDDEN` for an uninstalled company
   */
  async save(company: Company, settings: NotificationSettings): Promise<void> {
    if (company.integrationStatus === 'uninstalled') throw new AppError('FORBIDDEN');
    for (const kind of bookingMessageKinds) {
      const template = settings.templates[kind];
      if (template !== undefined) assertTemplate(template, variablesFor(kind));
    }
    await this.#deps.settings.save(company.id, settings, 'settings_page');
    this.#deps.report.settingsChanged(company.id);
    await this.#deps.requestReplan(company.id);
  }

  defaultTemplates(company: Company): Readonly<Record<BookingMessageKind, string>> {
    const templateText = (kind: BookingMessageKind): string => defaultTemplate(kind, company);
    return {
      confirmation: templateText('confirmation'),
      change: templateText('change'),
      cancellation: templateText('cancellation'),
      reminder_24h: templateText('reminder_24h'),
      reminder_2h: templateText('reminder_2h'),
      thanks: templateText('thanks'),
    };
  }

  /** Renders a template with example data, also when it has problems. */
  async preview(company: Company, kind: BookingMessageKind, template: string): Promise<TemplatePreview> {
    const { reviewLink } = await this.get(company);
    const { booking, previousStartsAt } = exampleBooking(company.language);
    const text = renderMessage(kind, {
      booking,
      salon: company,
      settings: { templates: { [kind]: template }, reviewLink: reviewLink ?? 'https://example.com/review' },
      ...(kind === 'change' && { previousStartsAt }),
    });
    return {
      text,
      length: Array.from(text).length,
      problems: templateProblems(template, variablesFor(kind)),
    };
  }

  /** Clients who have opted out, latest first. */
  async optOuts(
    { id }: Company,
    limit: number,
  ): Promise<readonly Readonly<{ phone: string; since: Date }>[]> {
    return await this.#deps.contacts.optedOut(id, limit);
  }
}
