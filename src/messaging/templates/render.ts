import type { Booking } from '../../domain/booking/booking.ts';
import type { Company } from '../../domain/company/company.ts';
import type { BookingMessageKind } from '../../domain/notification/message.ts';
import type { NotificationSettings } from '../../domain/notification/settings.ts';
import { truncate } from '../../lib/text.ts';
import { defaultTemplate } from './defaults.ts';
import { fillTemplate } from './template.ts';
import { variableValues } from './variables.ts';

export type RenderInput = Readonly<{
  booking: Booking;
  salon: Pick<Company, 'title' | 'businessType' | 'language'>;
  settings: Pick<NotificationSettings, 'templates' | 'reviewLink'>;
  /** Set for `change`: the start in the previous notification, local time of the salon. */
  previousStartsAt?: string;
}>;

/** WhatsApp collapses longer texts behind "Read more"; its own limit is far higher. */
const maxTextLength = 4_000;

/** Renders the company's own template, or the default one when there is none or it renders empty. */
export function renderMessage(kind: BookingMessageKind, input: RenderInput): string {
  const { booking, salon, settings, previousStartsAt } = input;
  const values = variableValues({
    booking,
    salonTitle: salon.title,
    language: salon.language,
    reviewLink: settings.reviewLink,
    // Omitted when only staff or services have changed.
    ...(previousStartsAt !== undefined && previousStartsAt !== booking.startsAt && { previousStartsAt }),
  });
  const customText = fillTemplate(settings.templates[kind] ?? '', values);
  return truncate(
    customText === '' ? fillTemplate(defaultTemplate(kind, salon), values) : customText,
    maxTextLength,
  );
}
