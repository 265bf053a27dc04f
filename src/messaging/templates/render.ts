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
  /** Of a change: the start that the client knows, local time of the salon. */
  previousStartsAt?: string;
}>;

/** As much as WhatsApp shows without folding, and well below what it takes. */
const maxTextLength = 4_000;

/**
 * The text of a booking message: in the company's own words where it has some, and where they say something about this
 * booking; else in those of its language and business.
 */
export function renderMessage(kind: BookingMessageKind, input: RenderInput): string {
  const { booking, salon, settings, previousStartsAt } = input;
  const values = variableValues({
    booking,
    salonTitle: salon.title,
    language: salon.language,
    reviewLink: settings.reviewLink,
    // A change of staff or services alone has no other start to tell.
    ...(previousStartsAt !== undefined && previousStartsAt !== booking.startsAt && { previousStartsAt }),
  });
  const customText = fillTemplate(settings.templates[kind] ?? '', values);
  return truncate(
    customText === '' ? fillTemplate(defaultTemplate(kind, salon), values) : customText,
    maxTextLength,
  );
}
