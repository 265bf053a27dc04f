import type { Company } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import { type BookingMessageKind, bookingMessageKinds } from '../domain/notification/message.ts';
import type { NotificationSettings } from '../domain/notification/settings.ts';
import { defaultTemplate } from './templates/defaults.ts';
import { exampleBooking } from './templates/example-booking.ts';
import { assertTemplate, templateProblems, type TemplateProblem } from './templates/template.ts';
import { variablesFor } from './templates/variables.ts';
import { renderMessage } from './templates/render.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Contacts, Settings } from '../ports/messages.ts';

export type NotificationSettingsDeps = Readonly<{
  settings: Settings;
  contacts: Pick<Contacts, 'optedOut'>;
  /** Plans the company's queued messages again. */
  requestReplan: (companyId: CompanyId) => Promise<void>;
  report: BusinessEvents;
}>;

export type TemplatePreview = Readonly<{
  text: string;
  length: number;
  problems: readonly TemplateProblem[];
}>;

/** What a company decides about its messages: read, tried out and changed. */
export class NotificationSettingsService {
  readonly #deps: NotificationSettingsDeps;

  constructor(deps: NotificationSettingsDeps) {
    this.#deps = deps;
  }

  async get({ id }: Company): Promise<NotificationSettings> {
    return await this.#deps.settings.get(id);
  }

  /**
   * Messages that wait are planned anew under the new rules.
   * @throws AppError `VALIDATION_ERROR` for a template that cannot be used, `FORBIDDEN` for an uninstalled company
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

  /** The texts before a company changes them. */
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

  /** How a template looks with an example, also while it has problems. */
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

  /** Latest first. */
  async optOuts(
    { id }: Company,
    limit: number,
  ): Promise<readonly Readonly<{ phone: string; since: Date }>[]> {
    return await this.#deps.contacts.optedOut(id, limit);
  }
}
