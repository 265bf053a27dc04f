-- What is asked about messages: by answers of clients, and by the metrics.

-- The reminder that the person got last, of a visit that is still to come.
create function public.message_latest_reminder(p_company_id bigint, p_phone text)
returns table (message_id uuid, record_id bigint) language sql stable set search_path = '' as $$
  select message.id, message.record_id
  from public.messages message
  join public.companies company on company.id = message.company_id
  join public.bookings booking on booking.company_id = message.company_id and booking.record_id = message.record_id
  where message.company_id = p_company_id and message.phone = p_phone
    and message.kind in ('reminder_24h', 'reminder_2h') and message.status in ('sending', 'unknown', 'sent', 'delivered', 'read')
    and not booking.cancelled and booking.starts_at > clock_timestamp() at time zone coalesce(company.time_zone, 'UTC')
  order by message.sending_at desc limit 1
$$;
create index messages_of_phone on public.messages (company_id, phone, sending_at desc);

-- How much waits, for the metrics.
create function public.messages_waiting()
returns table (queued bigint, sending bigint, oldest_due_at timestamptz) language sql stable set search_path = '' as $$
  select count(*) filter (where status = 'queued'), count(*) filter (where status = 'sending'),
    min(not_before) filter (where not_before <= clock_timestamp())
  from public.messages where status in ('queued', 'sending')
$$;

revoke execute on function public.message_latest_reminder, public.messages_waiting from public, anon, authenticated;
grant execute on function public.message_latest_reminder, public.messages_waiting to service_role;
