import type { Booking } from '../../domain/booking/booking.ts';
import type { Company } from '../../domain/company/company.ts';
import type { BookingMessageKind } from '../../domain/notification/message.ts';
import type { NotificationSettings } from '../../domain/notification/settings.ts';
import { cutText } from '../../lib/text.ts';
import { defaultTemplate } from './defaults.ts';
import { fill } from './template.ts';
import { valuesOf } from './variables.ts';

export type MessageSubject = Readonly<{
  booking: Booking;
  salon: Pick<Company, 'title' | 'businessType' | 'language'>;
  settings: Pick<NotificationSettings, 'templates' | 'reviewLink'>;
  /** Of a change: the start that the client knows, local time of the salon. */
  previousStartsAt?: string;
}>;

/** As much as WhatsApp shows without folding, and well below what it takes. */
const longestText = 4_000;

/**
 * The text of a booking message: in the company's own words where it has some, and where they say something about this
 * booking; else in those of its language and business.
 */
export function renderMessage(kind: BookingMessageKind, subject: MessageSubject): string {
  const { booking, salon, settings, previousStartsAt } = subject;
  const values = valuesOf({
    booking,
    salonTitle: salon.title,
    language: salon.language,
    reviewLink: settings.reviewLink,
    // A change of staff or services alone has no other start to tell.
    ...(previousStartsAt !== undefined && previousStartsAt !== booking.startsAt && { previousStartsAt }),
  });
  const own = fill(settings.templates[kind] ?? '', values);
  return cutText(own === '' ? fill(defaultTemplate(kind, salon), values) : own, longestText);
}
